import SQLite

/// What the writer says about itself, for `status`, metrics and the log; read from any thread.
public final class WriterStatus: Sendable {
  /// How far a batch has come.
  public struct Batch: Sendable {
    public var name: String
    public var lines: LineCounts
    /// Bytes of its file that are committed, and all of them.
    public var offset: Int64
    public var size: Int64
  }

  public struct Snapshot: Sendable {
    /// Why nothing is written at present, in words for an operator.
    public var pausedBecause: String?
    public var pausedSince: Timestamp?
    /// Since when another process's lock has been waited for, the rests between two tries included.
    public var lockWaitSince: MonotonicTime?
    /// The database was found damaged: nothing is written before the worker's next start.
    public var isSetAside = false
    public var groups: Int64 = 0
    public var commits: Int64 = 0
    public var jobs: Int64 = 0
    public var walPages = 0
    /// WAL pages that a checkpoint could not copy because of a reader.
    public var heldBackPages = 0
    public var preemptions: Int64 = 0
    /// Rows that were written since the statistics were last made, the engine's own records included;
    /// nil until it makes them.
    public var rowsWritten: Int64?
    /// Batches that have begun and are not finished, by sequence number.
    public var batches: [Int64: Batch] = [:]
    /// What may hold up an urgent write right now.
    public var holdUp: String?
  }

  private let state = Monitor(Snapshot())
  private let report: @Sendable (String) -> Void

  /// - Parameter report: told, once for each, what an operator should know; on the writer's thread.
  public init(report: @escaping @Sendable (String) -> Void) { self.report = report }

  public var snapshot: Snapshot { state.withLock { $0 } }

  func update(_ change: (inout Snapshot) -> Void) {
    state.withLock { change(&$0) }
  }

  /// Another process has the lock; called again at each try.
  func waitsForLock() {
    state.withLock { $0.lockWaitSince = $0.lockWaitSince ?? .now() }
  }

  /// The lock is there, or nothing needs it any more.
  func waitsNoLonger() { state.withLock { $0.lockWaitSince = nil } }

  func pauses(_ reason: String) {
    let isNew = state.withLock { snapshot in
      defer {
        snapshot.pausedBecause = reason
        snapshot.pausedSince = snapshot.pausedSince ?? .now()
      }
      return snapshot.pausedBecause == nil
    }
    if isNew { report(reason) }
  }

  func resumes() {
    let reason = state.withLock { snapshot in
      defer {
        snapshot.pausedBecause = nil
        snapshot.pausedSince = nil
      }
      return snapshot.pausedBecause
    }
    if reason != nil { report("the writer goes on") }
  }
}
