import SQLite

/// A job whose id an earlier one had: it gets that one's outcome, or none if it is another job.
struct JobDuplicate {
  private let ticket: JobTicket
  private let id: String
  private let first: Ledger.FirstUse
  private let hash: UInt64

  /// - Parameter hash: of this job's content.
  init(_ ticket: JobTicket, id: String, first: Ledger.FirstUse, hash: UInt64) {
    self.ticket = ticket
    self.hash = hash
    self.id = id
    self.first = first
  }

  /// Records its outcome, in the transaction that is open.
  func end(
    started: Timestamp, attempts: Int, _ ledger: Ledger, on connection: borrowing Connection
  ) throws(SQLiteError) -> JobEnd {
    let finished = Timestamp.now()
    guard first.hash == hash else { return .rejected(rejection(finished)) }
    var document = ResultDocument(of: ticket, status: .done, finished: finished)
    document.started = started
    document.attempts = attempts
    document.commit = first.commit
    if ticket.job.importRequest == nil {
      document.statements = first.statements
    } else {
      document.importTotals = first.statements
    }
    document.duplicateOf = first.job
    let result = document.rendered()
    let key = try ledger.record(
      ticket, status: .done, finished: finished, result: result, on: connection)
    return .recorded(
      Outcome(ticket: ticket, status: .done, durability: .ledger(key: key), result: result))
  }

  private func rejection(_ finished: Timestamp) -> Outcome {
    var document = ResultDocument(of: ticket, status: .rejected, finished: finished)
    document.error = .duplicateID(id, of: first.job)
    return Outcome(
      ticket: ticket, status: .rejected, durability: .resultFile, result: document.rendered())
  }
}
