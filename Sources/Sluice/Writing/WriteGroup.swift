import SQLite

/// The jobs of one transaction and what became of them, until its COMMIT says that it counts.
struct WriteGroup {
  struct Member {
    var write: QueuedWrite
    var outcome: Outcome
  }

  private(set) var commit: Int64 = 0
  /// Outcomes of earlier jobs that ended without effect, recorded in this transaction.
  private var recorded: [Outcome] = []
  /// The key up to which it says that results are durable as files.
  private(set) var settledThrough: Int64?
  var members: [Member] = []
  /// Not recorded, but as undecided as the others until the COMMIT: a `SLUICE_DUPLICATE` may rest on
  /// a member.
  var rejected: [Member] = []
  /// A batch or an import of which this transaction holds a chunk, as it is to go on once that is committed.
  var continuing: QueuedWrite?
  private var sweeps = false

  /// Jobs that ran.
  var count: Int { members.count + rejected.count }

  /// Jobs whose outcomes its COMMIT decides: a job that is to run alone is in no group with them.
  var recordedCount: Int { count + recorded.count }

  /// Whether there is nothing to commit.
  var isEmpty: Bool {
    members.isEmpty && recorded.isEmpty && settledThrough == nil && continuing == nil && !sweeps
  }

  var outcomes: [Outcome] { recorded + members.map(\.outcome) + rejected.map(\.outcome) }

  /// Begins inside a transaction that holds the write lock.
  /// - Parameters:
  ///   - ended: jobs whose rows are still to be written.
  ///   - settledThrough: the key up to which results are durable as files.
  mutating func open(
    _ session: WriterSession, _ batches: BatchExecution, recording ended: [EndedWrite],
    settledThrough: Int64?
  ) throws(SQLiteError) {
    self.settledThrough = settledThrough
    commit = try session.ledger.beginCommit(on: session.connection)
    for write in ended {
      if case .batch = write.write.ticket.job.body {
        recorded.append(try batches.record(write, in: session))
      } else {
        recorded.append(try session.transactions.record(write, on: session.connection))
      }
    }
    if let settledThrough {
      try session.ledger.settle(through: settledThrough, on: session.connection)
      session.chunks.settle(through: settledThrough)
    }
    if session.chunks.hasSweeps {
      try session.chunks.sweep(on: session.connection)
      sweeps = true
    }
  }
}
