import SQLite

/// Jobs whose COMMIT failed with an I/O error, so that nobody knows whether they are done.
///
/// The live connection may say absent and recovery present: nothing is known until a later COMMIT
/// on that database has succeeded and the ledger has been read again.
struct UnknownWrites {
  private enum Write {
    case job(QueuedWrite)
    case ended(EndedWrite)

    var ticket: JobTicket {
      switch self {
      case .job(let write): write.ticket
      case .ended(let ended): ended.write.ticket
      }
    }
  }

  /// What the ledger told.
  struct Resolution {
    /// Found, in the order they were committed.
    var done: [Outcome] = []
    /// Not found: they have to run.
    var jobs: [QueuedWrite] = []
    /// Not found: their rows have to be written.
    var ended: [EndedWrite] = []
  }

  private var writes: [Write] = []
  /// What the last COMMIT that failed said.
  private(set) var error: SQLiteError?

  var isEmpty: Bool { writes.isEmpty }

  mutating func add(_ jobs: [QueuedWrite], ended: [EndedWrite], error: SQLiteError) {
    writes += jobs.map { .job($0) }
    writes += ended.map { .ended($0) }
    self.error = error
  }

  /// Commits a transaction and looks every job up; they are known afterwards.
  /// - Throws: what kept it from that; they stay unknown.
  mutating func resolve(_ session: WriterSession) throws(SQLiteError) -> Resolution {
    try session.begin()
    do throws(SQLiteError) {
      _ = try session.ledger.beginCommit(on: session.connection)
      try session.commit()
    } catch {
      session.rollback()
      throw error
    }
    let rows = try session.ledger.unsettled(on: session.connection)
    let known = Dictionary(rows.map { ($0.sequence, $0) }) { _, last in last }
    var found: [(key: Int64, outcome: Outcome)] = []
    var resolution = Resolution()
    for write in writes {
      if let row = known[write.ticket.sequence],
        let result = try session.ledger.result(ofKey: row.key, on: session.connection)
      {
        let outcome = Outcome(
          ticket: write.ticket, status: row.status, durability: .ledger(key: row.key),
          result: result)
        found.append((row.key, outcome))
      } else if case .ended(let ended) = write {
        resolution.ended.append(ended)
      } else if case .job(let job) = write {
        resolution.jobs.append(job)
      }
    }
    resolution.done = found.sorted { $0.key < $1.key }.map(\.outcome)
    writes.removeAll()
    error = nil
    return resolution
  }
}
