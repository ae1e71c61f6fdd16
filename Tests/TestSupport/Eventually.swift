import Glibc

/// Waits until something is so, asking every two milliseconds; the one place where tests wait for
/// another process.
///
/// - Parameter seconds: the bound; generous, since only a failing test waits for it. From a second on it
///   is multiplied by `SLUICE_TEST_SLOWNESS`, for builds that are slow, as with a sanitizer.
/// - Returns: whether it became so in time.
public func eventually(
  within seconds: Double = 20, _ condition: () throws -> Bool
) rethrows -> Bool {
  let end = monotonicSeconds() + (seconds < 1 ? seconds : seconds * slowness)
  while true {
    if try condition() { return true }
    if monotonicSeconds() >= end { return false }
    usleep(2000)
  }
}

private let slowness =
  getenv("SLUICE_TEST_SLOWNESS").flatMap { Double(String(cString: $0)) } ?? 1

/// Whether a worker's memory is its own: with a sanitizer it is not.
public let isMemoryOwn = slowness == 1

public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
