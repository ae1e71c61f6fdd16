/// One transaction of the writer: a group of jobs, or a job alone.
public struct TransactionRecord: Sendable {
  public enum Outcome: Sendable, Equatable {
    case committed
    /// Undone; what it held waits again, or is judged by itself.
    case undone
    /// COMMIT failed: neither done nor undone until that is found out.
    case unknown
  }

  public struct End: Sendable {
    public var outcome: Outcome
    /// The number of the commit; nil where there is none.
    public var commit: Int64?
    /// Jobs that ran in it.
    public var jobs: Int
    /// Pages that it added to the WAL.
    public var pages: Int

    init(_ outcome: Outcome, commit: Int64?, jobs: Int, pages: Int) {
      self.outcome = outcome
      self.commit = commit
      self.jobs = jobs
      self.pages = pages
    }
  }

  /// What its job asked for, which then was alone in it; `immediate` for a group.
  public var isolation: IsolationLevel
  /// When the writer asked for the write lock.
  public var began: Timestamp
  /// How long it waited for the lock.
  public var lockSeconds: Double
  /// How long it held it, the COMMIT included.
  public var seconds: Double
  public var end: End
}

extension TransactionRecord.Outcome {
  /// The word in monitor files.
  public var name: String {
    switch self {
    case .committed: "committed"
    case .undone: "undone"
    case .unknown: "unknown"
    }
  }
}

/// When one transaction's steps were.
struct TransactionClock: Sendable {
  var isolation: IsolationLevel
  var began: Timestamp
  var asked: MonotonicTime
  var locked = MonotonicTime(nanoseconds: 0)
}

/// All transactions since the start.
public struct TransactionTotals: Sendable {
  public var committed = 0
  public var undone = 0
  public var unknown = 0
  public var jobs = 0
  public var pages = 0
  /// How long the write lock was held, in seconds.
  public var seconds = 0.0
  public var latency = LatencyHistogram()
  /// Waits of more than a millisecond for another process's write lock.
  public var lockWaits = 0
  public var lockWaitSeconds = 0.0
  public var lockWaitLongest = 0.0
  /// Waits that ended without the lock.
  public var lockTimeouts = 0

  mutating func add(_ record: TransactionRecord) {
    switch record.end.outcome {
    case .committed:
      committed += 1
      jobs += record.end.jobs
      pages += record.end.pages
    case .undone: undone += 1
    case .unknown: unknown += 1
    }
    seconds += record.seconds
    latency.record(nanoseconds: Int64(record.seconds * 1e9))
  }
}
