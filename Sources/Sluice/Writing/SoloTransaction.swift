import SQLite

/// Runs one write job in a transaction of its own on a connection of its own, which takes every
/// trace of it along: temporary objects, `foreign_keys`, another isolation than `immediate`.
struct SoloTransaction {
  enum End {
    case committed(Outcome)
    case rejected(Outcome)
    case lost(TransactionLoss)
    /// COMMIT failed: neither done nor undone.
    case unknown(SQLiteError)
    /// Another process kept the lock.
    case busy
  }

  private let configuration: EngineConfiguration

  init(_ configuration: EngineConfiguration) { self.configuration = configuration }

  func run(_ write: QueuedWrite, _ inbox: WriterInbox, _ status: WriterStatus) -> End {
    var settings = configuration
    let job = write.ticket.job
    do throws(SQLiteError) {
      if let wanted = job.leadingForeignKeys { settings.foreignKeys = wanted }
      let session = try WriterSession(settings, inbox, status)
      return try run(write, session, inbox)
    } catch {
      return ResultClass(error.code) == .locked ? .busy : .lost(.environment(error))
    }
  }

  private func run(
    _ write: QueuedWrite, _ session: WriterSession, _ inbox: WriterInbox
  ) throws(SQLiteError) -> End {
    try session.begin(write.ticket.job.transaction ?? .immediate)
    let commit = try session.ledger.beginCommit(on: session.connection)
    let windowEnd = MonotonicTime.now().advanced(bySeconds: configuration.groupWindow)
    session.connection.interrupt.arm(groupDeadline: windowEnd.nanoseconds, runsAlone: true)
    inbox.starts(write, interrupt: session.connection.interrupt)
    defer { inbox.rests() }
    let end = session.transactions.run(
      write, commit: commit, isShared: false, on: session.connection)
    switch end {
    case .recorded(let outcome):
      do throws(SQLiteError) {
        try session.commit()
        return .committed(outcome)
      } catch {
        session.rollback()
        return .unknown(error)
      }
    case .rejected(let outcome):
      session.rollback()
      return .rejected(outcome)
    case .transactionLost(let loss):
      session.rollback()
      return .lost(loss)
    case .again, .continues:
      preconditionFailure("a job asked for a connection of its own and has one")
    }
  }
}
