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
  /// A job of which a part is in; it waits again after the COMMIT.
  var continued: QueuedWrite?
  /// Not recorded: valid whatever the COMMIT says.
  var rejected: [Outcome] = []

  /// Jobs that ran.
  var count: Int { members.count + rejected.count + (continued == nil ? 0 : 1) }

  /// All that a rollback undoes.
  var writes: [QueuedWrite] { members.map(\.write) + (continued.map { [$0] } ?? []) }

  /// Whether there is nothing to commit.
  var isEmpty: Bool { writes.isEmpty && recorded.isEmpty && settledThrough == nil }

  var outcomes: [Outcome] { recorded + members.map(\.outcome) + rejected }

  /// Begins inside a transaction that holds the write lock.
  /// - Parameters:
  ///   - ended: jobs whose rows are still to be written.
  ///   - settledThrough: the key up to which results are durable as files.
  mutating func open(
    _ session: WriterSession, recording ended: [EndedWrite], settledThrough: Int64?
  ) throws(SQLiteError) {
    self.settledThrough = settledThrough
    commit = try session.ledger.beginCommit(on: session.connection)
    for write in ended {
      recorded.append(try session.transactions.record(write, on: session.connection))
    }
    if let settledThrough {
      try session.ledger.settle(through: settledThrough, on: session.connection)
    }
  }
}
