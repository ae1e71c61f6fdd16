import SQLite

/// What the writer is asked for beside running jobs, since the ledger is its own.
enum WriterCommand: Sendable {
  /// Record a job that ended without having run.
  case record(EndedWrite)
  /// Read the ledger for the recovery.
  case unsettled(@Sendable (Result<[LedgerRow], SQLiteError>) -> Void)
  /// Read how far the jobs have come that take several transactions.
  case lastChunks(@Sendable (Result<[Int64: Int64], SQLiteError>) -> Void)
  /// Forget old rows of the ledger.
  case prune(before: Timestamp, most: Int, @Sendable (Result<Bool, SQLiteError>) -> Void)
  /// Do something of an operator's; forgotten where the writer has stopped.
  case work(@Sendable (WriterSession) -> Void)

  /// Answers it, outside a transaction; on the writer's thread.
  func obey(_ session: WriterSession) {
    switch self {
    case .record: preconditionFailure("a job's row goes into the next group, not by itself")
    case .work(let work): work(session)
    case .unsettled(let answer):
      answer(
        Result { () throws(SQLiteError) in try session.ledger.unsettled(on: session.connection) })
    case .lastChunks(let answer):
      answer(
        Result { () throws(SQLiteError) in try session.ledger.lastChunks(on: session.connection) })
    case .prune(let limit, let most, let answer):
      answer(Result { () throws(SQLiteError) in try session.prune(before: limit, most: most) })
    }
  }

  /// Answers it where the writer has stopped.
  func refuse() {
    let error = SQLiteError(code: 21, message: "the writer has stopped")
    switch self {
    case .record, .work: break
    case .unsettled(let answer): answer(.failure(error))
    case .lastChunks(let answer): answer(.failure(error))
    case .prune(_, _, let answer): answer(.failure(error))
    }
  }
}
