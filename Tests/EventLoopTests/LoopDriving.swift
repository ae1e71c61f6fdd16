import EventLoop
import Foundation

/// What callbacks wrote down; a class so that closures and test share it.
final class Record<Element> {
  var entries: [Element] = []
  func add(_ entry: Element) { entries.append(entry) }
}

extension Loop {
  /// Runs until `condition` holds, at most ten seconds.
  ///
  /// - Returns: whether it came to hold.
  func run(until condition: () -> Bool) -> Bool {
    let start = ContinuousClock.now
    while !condition() {
      let left = 10 - secondsSince(start)
      if left <= 0 { return false }
      runOnce(waitingUpTo: Int(left * 1000) + 1)
    }
    return true
  }
}

func secondsSince(_ start: ContinuousClock.Instant) -> Double {
  (ContinuousClock.now - start) / .seconds(1)
}

/// A directory of its own under the system's temporary one, removed with what is in it.
struct ScratchDirectory: ~Copyable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "sluice-loop-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
