import Glibc

/// Waits until something is so, asking every two milliseconds; the one place where tests wait for
/// another process.
///
/// - Parameter seconds: the bound; generous, since only a failing test waits for it.
/// - Returns: whether it became so in time.
public func eventually(
  within seconds: Double = 20, _ condition: () throws -> Bool
) rethrows -> Bool {
  let end = monotonicSeconds() + seconds
  while true {
    if try condition() { return true }
    if monotonicSeconds() >= end { return false }
    usleep(2000)
  }
}

public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
