import Sluice
import Synchronization

/// How many jobs ended in which way since the start; from any thread.
final class OutcomeCounts: Sendable {
  private let counts = Mutex<[JobStatus: Int]>([:])

  func count(_ status: JobStatus) { counts.withLock { $0[status, default: 0] += 1 } }

  subscript(status: JobStatus) -> Int { counts.withLock { $0[status, default: 0] } }

  /// Whether every job that ended is done.
  var allDone: Bool { counts.withLock { $0.allSatisfy { $0.key == .done || $0.value == 0 } } }
}
