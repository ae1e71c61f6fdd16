import SQLite

/// How one write job ended inside a transaction that is still open, or took it down.
enum JobEnd {
  /// Its ledger row is in; the outcome counts once the transaction is committed.
  case recorded(Outcome)
  /// Nothing of it is left and nothing is recorded: it will be judged alike every time.
  case rejected(Outcome)
  /// A part of it is in, and counts once the transaction is committed; then it waits for its next
  /// turn.
  case continues(QueuedWrite)
  /// It must run again as given, nobody beside it; nothing of it is left.
  case again(QueuedWrite)
  /// The transaction is gone, and with it what the group did so far.
  case transactionLost(TransactionLoss)
}

/// Why a transaction was rolled back under the writer's hands.
enum TransactionLoss {
  /// The job's own SQL did it: `RAISE(ROLLBACK)`, `OR ROLLBACK`, a timeout of an INSERT.
  /// `seconds` is how long it ran.
  case job(JobError, started: Timestamp, seconds: Double)
  /// The job was stopped from outside.
  case interrupted(Interrupt.Reason)
  /// The job's own doing, and it runs again with care.
  case again(QueuedWrite)
  /// The disk or the memory did it.
  case environment(SQLiteError)
  /// The file that the job loads could not be read.
  case unreadable(String)
}

/// Runs write jobs inside an open transaction, each in a savepoint of its own with its ledger row,
/// so that a failing job leaves nothing behind and harms no neighbour.
///
/// Used on the writer's thread. The transaction's begin and end are its caller's.
final class JobSavepoints {
  private let configuration: EngineConfiguration
  private let ledger: Ledger
  let recorder: StatementRecorder?
  /// Jobs that ran in the present transaction; a part of a batch or an import is one.
  var jobsBegun = 0
  private let imports: ImportLedger
  private let savepoint: Statement
  private let rollbackTo: Statement
  private let release: Statement

  init(
    _ configuration: EngineConfiguration, ledger: Ledger, imports: ImportLedger,
    on connection: borrowing Connection
  ) throws(SQLiteError) {
    self.configuration = configuration
    self.ledger = ledger
    recorder = configuration.monitor?.recorder()
    self.imports = imports
    savepoint = try connection.prepareOwn("SAVEPOINT job")
    rollbackTo = try connection.prepareOwn("ROLLBACK TO job")
    release = try connection.prepareOwn("RELEASE job")
  }

  /// Runs one job.
  ///
  /// - Parameters:
  ///   - commit: the number of the transaction.
  ///   - isShared: whether other jobs use this connection, which must then leave no traces on it.
  func run(
    _ write: QueuedWrite, commit: Int64, isShared: Bool, on connection: borrowing Connection
  ) -> JobEnd {
    let started = Timestamp.now()
    let clock = MonotonicTime.now()
    jobsBegun += 1
    do throws(SQLiteError) {
      connection.resetCounters()
      connection.authorizer.subject = .engine
      try savepoint.run()
      if let known = try knownOutcome(
        write, hash: write.ticket.identity.hash, started: started, on: connection)
      {
        try release.run()
        return known
      }
    } catch {
      return .transactionLost(.environment(error))
    }
    var run = JobRun(write: write, commit: commit, started: started, clock: clock)
    do throws(JobStop) {
      if isShared, let level = write.ticket.job.transaction, level != .immediate {
        throw .needsOwnConnection
      }
      let executed = try execute(
        write.ticket.job, of: write.ticket.name,
        unshareable: isShared ? [.temporary, .foreignKeysPragma] : [], on: connection)
      run.statements = executed.json
      return try record(run, .done, error: nil, on: connection)
    } catch {
      return undo(run, error, on: connection)
    }
  }

  /// Runs a job's statements, and looks for what they may not leave behind.
  /// - Parameters:
  ///   - name: the job's own, or that of the batch it is a line of.
  ///   - unshareable: what may not run here.
  func execute(
    _ job: Job, of name: String, unshareable: StatementTraits, isLine: Bool = false,
    on connection: borrowing Connection
  ) throws(JobStop) -> ExecutedStatements {
    var execution = JobExecution(
      job,
      settings: JobExecution.Settings(
        queryTimeout: configuration.queryTimeout, returningLimit: configuration.returningLimit,
        subject: .writer, unshareable: unshareable, isLine: isLine,
        monitor: MonitorSink(recorder, job: name)))
    let executed = try execution.run(on: connection)
    try check(
      changedSchema: executed.changedSchema, statement: executed.reservedMention,
      setPragma: executed.setPragma, on: connection)
    return executed
  }

  /// What must hold when the last statement of a job has run.
  /// - Parameter statement: the one that may have put a mention of Sluice's tables into the schema.
  func check(
    changedSchema: Bool, statement: Int? = nil, setPragma: Bool, on connection: borrowing Connection
  ) throws(JobStop) {
    // COMMIT would tell of it only for the whole group, and another job could heal it meanwhile.
    if connection.hasForeignKeyViolation {
      throw .failed(
        JobError(
          .constraint, "SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN KEY constraint failed", number: 787,
          hint: "a row refers to one that is not there when the job ends"))
    }
    if changedSchema { try refuseIntruders(statement, on: connection) }
    if setPragma { try forgetPragmas(on: connection) }
  }

  /// `defer_foreign_keys` would otherwise hold until the group's COMMIT.
  private func forgetPragmas(on connection: borrowing Connection) throws(JobStop) {
    do throws(SQLiteError) {
      try connection.execute("PRAGMA defer_foreign_keys=OFF")
    } catch {
      throw .environment(error)
    }
  }

  private func refuseIntruders(_ statement: Int?, on connection: borrowing Connection)
    throws(JobStop)
  {
    do throws(SQLiteError) {
      guard let name = try ledger.intruder(on: connection) else { return }
      throw SQLiteError(code: 23, message: name)
    } catch {
      guard error.code == 23 else { throw .environment(error) }
      throw .rejected(
        .forbidden(
          "\(error.message) mentions a table _sluice_*, which are Sluice's own", statement,
          hint: "use other names"))
    }
  }

  /// The outcome of an earlier job with the same id, as this one's.
  /// - Parameter hash: of this job's content.
  func knownOutcome(
    _ write: QueuedWrite, hash: UInt64, started: Timestamp, on connection: borrowing Connection
  ) throws(SQLiteError) -> JobEnd? {
    let ticket = write.ticket
    guard let id = ticket.job.id, let first = try ledger.firstUse(ofID: id, on: connection)
    else { return nil }
    let duplicate = JobDuplicate(ticket, id: id, first: first, hash: hash)
    return try duplicate.end(
      started: started, attempts: write.failedAttempts + 1, ledger, on: connection)
  }

  private func undo(
    _ run: JobRun, _ stop: JobStop, on connection: borrowing Connection
  ) -> JobEnd {
    // Nothing may be issued as if inside a transaction that is gone: it would commit by itself.
    if connection.isAutocommit { return .transactionLost(loss(of: stop, run)) }
    do throws(SQLiteError) {
      connection.authorizer.subject = .engine
      try rollbackTo.run()
      try connection.execute("PRAGMA defer_foreign_keys=OFF")
    } catch {
      return .transactionLost(.environment(error))
    }
    var write = run.write
    switch stop {
    case .failed(let error):
      do throws(JobStop) {
        return try record(run, .failed, error: error, on: connection)
      } catch {
        return .transactionLost(loss(of: error, run))
      }
    case .rejected(let error):
      return leave(.rejected(rejection(of: run, error)), on: connection)
    case .needsOwnConnection:
      write.needsOwnConnection = true
      // It has not run yet: another transaction will tell of it.
      jobsBegun -= 1
      return leave(.again(write), on: connection)
    case .interrupted(let reason):
      return .transactionLost(.interrupted(reason))
    case .environment(let error):
      return .transactionLost(.environment(error))
    case .needsWriter:
      preconditionFailure("the writer was told to go to the writer")
    }
  }

  private func leave(_ end: JobEnd, on connection: borrowing Connection) -> JobEnd {
    do throws(SQLiteError) {
      connection.authorizer.subject = .engine
      try release.run()
      return end
    } catch {
      return .transactionLost(.environment(error))
    }
  }

  private func loss(of stop: JobStop, _ run: JobRun) -> TransactionLoss {
    switch stop {
    case .failed(let error), .rejected(let error):
      .job(
        error, started: run.started, seconds: MonotonicTime.now().seconds(since: run.clock))
    case .interrupted(let reason): .interrupted(reason)
    case .environment(let error): .environment(error)
    case .needsOwnConnection, .needsWriter:
      preconditionFailure("a transaction ended while a statement was only compiled")
    }
  }

  private func rejection(of run: JobRun, _ error: JobError) -> Outcome {
    var document = ResultDocument(of: run.write.ticket, status: .rejected, finished: .now())
    document.error = error
    return Outcome(
      ticket: run.write.ticket, status: .rejected, durability: .resultFile,
      result: document.rendered())
  }

  /// Writes the ledger row of a job that ended, and its id if it is done.
  private func record(
    _ run: JobRun, _ status: JobStatus, error: JobError?, on connection: borrowing Connection
  ) throws(JobStop) -> JobEnd {
    let ticket = run.write.ticket
    let document = run.document(status, error: error)
    let result = document.rendered()
    do throws(SQLiteError) {
      let key = try ledger.record(
        ticket, status: status, finished: document.finished, result: result, on: connection)
      if status == .done {
        try ledger.remember(
          ticket, commit: run.commit, outcome: run.statements ?? [], finished: document.finished,
          on: connection)
      }
      try release.run()
      return .recorded(
        Outcome(ticket: ticket, status: status, durability: .ledger(key: key), result: result))
    } catch {
      throw .environment(error)
    }
  }

  /// Records outcomes of jobs that took their own transaction down, in the present one.
  func record(
    _ ended: EndedWrite, on connection: borrowing Connection
  ) throws(SQLiteError) -> Outcome {
    let ticket = ended.write.ticket
    var document = ResultDocument(of: ticket, status: ended.status, finished: ended.finished)
    document.attempts = ended.write.failedAttempts + 1
    document.started = ended.started
    document.ran = ended.ran
    document.error = ended.error
    if ticket.job.importRequest != nil {
      try imports.close(ticket, &document, ledger, on: connection)
    }
    let result = document.rendered()
    let key = try ledger.record(
      ticket, status: ended.status, finished: ended.finished, result: result, on: connection)
    return Outcome(
      ticket: ticket, status: ended.status, durability: .ledger(key: key), result: result)
  }
}

/// One run of a job, as its result tells it.
private struct JobRun {
  let write: QueuedWrite
  let commit: Int64
  let started: Timestamp
  let clock: MonotonicTime
  var statements: [UInt8]?

  func document(_ status: JobStatus, error: JobError?) -> ResultDocument {
    let ran = MonotonicTime.now().seconds(since: clock)
    var document = ResultDocument(
      of: write.ticket, status: status, finished: started.advanced(bySeconds: ran))
    document.attempts = write.failedAttempts + 1
    document.started = started
    document.ran = ran
    document.error = error
    if status == .done {
      document.commit = commit
      document.statements = statements
    }
    return document
  }
}
