import Sluice

/// How many jobs ended in which way since the start, and how long they took from their arrival until
/// their result stood; from any thread.
final class OutcomeCounts: Sendable {
  struct Snapshot: Sendable {
    /// By status.
    var jobs: [JobStatus: Int] = [:]
    /// By priority.
    var lanes = Priority.allCases.map { _ in JobLatency() }

    var total: Int { jobs.values.reduce(0, +) }
  }

  private let counts = Monitor(Snapshot())

  func count(_ outcome: Outcome) {
    let nanoseconds = Timestamp.now().nanoseconds - outcome.ticket.arrived.nanoseconds
    counts.withLock { counts in
      counts.jobs[outcome.status, default: 0] += 1
      counts.lanes[Int(outcome.ticket.priority.rawValue)].record(nanoseconds: nanoseconds)
    }
  }

  subscript(status: JobStatus) -> Int { counts.withLock { $0.jobs[status, default: 0] } }

  var snapshot: Snapshot { counts.withLock { $0 } }

  var total: Int { counts.withLock { $0.total } }

  /// Whether every job that ended is done.
  var allDone: Bool { counts.withLock { $0.jobs.allSatisfy { $0.key == .done || $0.value == 0 } } }
}

/// Durations of jobs, for percentiles and for Prometheus, which wants fixed buckets.
struct JobLatency: Sendable {
  /// Upper bounds, in seconds.
  static let bounds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
  ]

  /// Jobs up to each bound but over the one before.
  private(set) var buckets = [Int](repeating: 0, count: bounds.count)
  private(set) var seconds = 0.0
  private(set) var histogram = LatencyHistogram()

  mutating func record(nanoseconds: Int64) {
    let duration = Double(max(0, nanoseconds)) / 1e9
    if let bucket = Self.bounds.firstIndex(where: { duration <= $0 }) { buckets[bucket] += 1 }
    seconds += duration
    histogram.record(nanoseconds: nanoseconds)
  }
}
