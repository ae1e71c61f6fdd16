import SQLite

/// Runs imports chunk by chunk inside transactions that its caller begins and ends; used on the
/// writer's thread, with one connection.
final class ImportExecution {
  /// Imports whose files stay open between their turns.
  private static let loadersMax = 8

  private let configuration: EngineConfiguration
  private let recorder: StatementRecorder?
  private let ledger: Ledger
  private let progresses: ImportLedger
  private let savepoint: Statement
  private let rollbackTo: Statement
  private let release: Statement
  /// What stands behind the last committed chunk of an import, by its sequence number.
  private var loaders: [Int64: (loader: ImportLoader, place: ImportPlace)] = [:]

  init(
    _ configuration: EngineConfiguration, ledger: Ledger, progresses: ImportLedger,
    on connection: borrowing Connection
  ) throws(SQLiteError) {
    self.configuration = configuration
    recorder = configuration.monitor?.recorder()
    self.ledger = ledger
    self.progresses = progresses
    savepoint = try connection.prepareOwn("SAVEPOINT import")
    rollbackTo = try connection.prepareOwn("ROLLBACK TO import")
    release = try connection.prepareOwn("RELEASE import")
  }

  /// One turn of an import.
  private struct Turn {
    var write: QueuedWrite
    var request: ImportRequest
    let commit: Int64
    let started = Timestamp.now()
    let clock = MonotonicTime.now()
    /// At the beginning of the turn, and with what the turn has added.
    var before = ImportProgress()
    var progress = ImportProgress()

    var isFirst: Bool { before.place == nil }
  }

  /// Runs the next chunk, or all of an atomic import.
  ///
  /// - Parameters:
  ///   - commit: the number of the transaction.
  ///   - windowEnd: no row begins after it, in monotonic nanoseconds.
  func run(
    _ write: QueuedWrite, _ request: ImportRequest, commit: Int64, windowEnd: Int64,
    on connection: borrowing Connection
  ) -> JobEnd {
    var turn = Turn(write: write, request: request, commit: commit)
    do throws(SQLiteError) {
      connection.resetCounters()
      connection.authorizer.subject = .engine
      try savepoint.run()
      if let end = try begin(&turn, on: connection) {
        try release.run()
        return end
      }
    } catch {
      return .transactionLost(.environment(error))
    }
    do throws(ImportStop) {
      let loader = try loader(for: turn, on: connection)
      let timeout = write.ticket.job.timeout ?? configuration.queryTimeout
      connection.interrupt.extend(
        deadline: turn.clock.advanced(bySeconds: timeout).nanoseconds)
      try loader.begin(on: connection)
      defer { loader.end() }
      let end = try loader.run(
        &turn.progress, condemned: write.condemnedRows,
        until: request.atomic ? .max : windowEnd, on: connection)
      loader.note(
        in: MonitorSink(recorder, job: write.ticket.name), since: turn.clock,
        rows: turn.progress.imported - turn.before.imported)
      try checkForeignKeys(on: connection)
      return try finish(turn, end, loader, on: connection)
    } catch {
      loaders[write.ticket.sequence] = nil
      return undo(turn, error, on: connection)
    }
  }

  /// Finds out how far it has come.
  /// - Returns: its end where there is nothing to do.
  private func begin(
    _ turn: inout Turn, on connection: borrowing Connection
  ) throws(SQLiteError) -> JobEnd? {
    let ticket = turn.write.ticket
    if let progress = try progresses.progress(of: ticket.sequence, on: connection) {
      turn.before = progress
      turn.progress = progress
    } else if let id = ticket.job.id, let first = try ledger.firstUse(ofID: id, on: connection) {
      guard first.hash == ticket.idHash,
        let line = RememberedImport(members: first.statements).committedThrough
      else {
        let duplicate = JobDuplicate(ticket, id: id, first: first, hash: ticket.idHash)
        return try duplicate.end(
          started: turn.started, attempts: turn.write.failedAttempts + 1, ledger, on: connection)
      }
      turn.request.fromLine = max(turn.request.fromLine, line + 1)
    }
    if turn.progress.started == nil { turn.progress.started = turn.started }
    return nil
  }

  private func loader(
    for turn: Turn, on connection: borrowing Connection
  ) throws(ImportStop) -> ImportLoader {
    let sequence = turn.write.ticket.sequence
    if let known = loaders.removeValue(forKey: sequence), known.place == turn.before.place {
      return known.loader
    }
    guard let source = configuration.imports else {
      throw .job(
        .rejected(
          JobError(.request, SluiceCode.badJob, "there is no place that files are imported from")))
    }
    let timeout = turn.write.ticket.job.timeout ?? configuration.queryTimeout
    let loader = ImportLoader(
      turn.request, try open(source, turn.request, at: turn.before.place), timeout: timeout)
    if turn.isFirst, turn.request.create {
      try create(open(source, turn.request, at: nil), loader, on: connection)
    }
    return loader
  }

  private func open(
    _ source: any ImportSource, _ request: ImportRequest, at place: ImportPlace?
  ) throws(ImportStop) -> any ImportReader {
    do throws(StreamFailure) {
      return try source.open(request, at: place)
    } catch {
      throw .stream(error)
    }
  }

  private func create(
    _ sample: any ImportReader, _ loader: ImportLoader, on connection: borrowing Connection
  ) throws(ImportStop) {
    try loader.createTable(sample, on: connection)
    let intruder: String?
    do throws(SQLiteError) {
      intruder = try ledger.intruder(on: connection)
    } catch {
      throw .job(.environment(error))
    }
    guard let intruder else { return }
    throw .job(
      .rejected(
        .forbidden(
          "\(intruder) mentions names _sluice_*, which are Sluice's own", nil,
          hint: "use other names")))
  }

  /// COMMIT would only fail, and with it the whole group.
  private func checkForeignKeys(on connection: borrowing Connection) throws(ImportStop) {
    guard connection.hasForeignKeyViolation else { return }
    throw .job(
      .failed(
        JobError(
          .constraint, "SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN KEY constraint failed",
          number: 787,
          hint: "a row refers to one that is not there when the chunk ends;"
            + " \"atomic\": true checks at the end of the file")))
  }

  // MARK: The end of a turn

  private func finish(
    _ turn: Turn, _ end: ImportLoader.End, _ loader: ImportLoader,
    on connection: borrowing Connection
  ) throws(ImportStop) -> JobEnd {
    var turn = turn
    let place: ImportPlace
    do throws(StreamFailure) {
      // A file that was changed behind the last row is not the one that was asked for either.
      place = try loader.place()
    } catch {
      throw .stream(error)
    }
    turn.progress.ran += MonotonicTime.now().seconds(since: turn.clock)
    do throws(SQLiteError) {
      switch end {
      case .goesOn:
        try progresses.save(
          turn.progress, at: place, of: turn.write.ticket.sequence, commit: turn.commit,
          on: connection)
        try release.run()
        loaders[turn.write.ticket.sequence] = (loader, place)
        turn.write.condemnedRows.removeAll()
        return .continues(turn.write)
      case .finished:
        return try record(turn, .done, nil, turn.progress, commit: turn.commit, on: connection)
      case .stopped(let row):
        return try stop(turn, at: row, on: connection)
      }
    } catch {
      throw .job(.environment(error))
    }
  }

  /// It ends at a bad row: what is in stays, unless all or nothing was asked for.
  private func stop(
    _ turn: Turn, at row: RowError, on connection: borrowing Connection
  ) throws(SQLiteError) -> JobEnd {
    var error = row.error
    if turn.request.conflict == .abort, error.kind == .constraint {
      error.hint = "mend or remove the row, or set \"errors\": \"skip\" or another \"conflict\""
    } else {
      error.hint = "mend or remove the row, or set \"errors\": \"skip\""
    }
    var progress = turn.progress
    let loadedNothing = turn.isFirst && progress.imported == 0
    if turn.request.atomic || loadedNothing {
      connection.authorizer.subject = .engine
      try rollbackTo.run()
      progress = turn.before
      progress.started = turn.progress.started
      progress.ran = turn.progress.ran
      progress.add(row)
      return try record(turn, .failed, error, progress, on: connection)
    }
    progress.add(row)
    return try record(
      turn, .failed, error, progress, commit: turn.commit, committedThrough: row.line - 1,
      on: connection)
  }

  private func record(
    _ turn: Turn, _ status: JobStatus, _ error: JobError?, _ progress: ImportProgress,
    commit: Int64? = nil, committedThrough: Int? = nil, on connection: borrowing Connection
  ) throws(SQLiteError) -> JobEnd {
    let ticket = turn.write.ticket
    var document = ResultDocument(of: ticket, status: status, finished: .now())
    document.attempts = turn.write.failedAttempts + 1
    document.started = progress.started
    document.ran = progress.ran
    document.commit = commit
    document.importTotals = progress.members(committedThrough: committedThrough)
    document.error = error
    let result = document.rendered()
    let key = try ledger.record(
      ticket, status: status, finished: document.finished, result: result, on: connection)
    if let commit, let totals = document.importTotals {
      try ledger.remember(
        ticket, commit: commit, outcome: totals, finished: document.finished, on: connection)
    }
    if !turn.isFirst { try progresses.remove(ticket.sequence, on: connection) }
    connection.authorizer.subject = .engine
    try release.run()
    loaders[ticket.sequence] = nil
    return .recorded(
      Outcome(ticket: ticket, status: status, durability: .ledger(key: key), result: result))
  }

  // MARK: A turn that came to nothing

  private func undo(
    _ turn: Turn, _ stop: ImportStop, on connection: borrowing Connection
  ) -> JobEnd {
    let jobStop: JobStop
    switch stop {
    case .rowTookTransaction(let row):
      var write = turn.write
      write.condemnedRows[row.line] = row.error
      return .transactionLost(.again(write))
    case .stream(.unreadable(let message)): return .transactionLost(.unreadable(message))
    case .stream(.changed(let message)):
      jobStop = .failed(
        JobError(
          .request, SluiceCode.badFile, message, pointer: "/import/file",
          hint: "leave a file alone while it is loaded; put another one under another name"))
    case .stream(.unfit(let error)): jobStop = .failed(error)
    case .job(let stop): jobStop = stop
    }
    // Nothing may be issued as if inside a transaction that is gone: it would commit by itself.
    if connection.isAutocommit { return .transactionLost(loss(of: jobStop, turn)) }
    do throws(SQLiteError) {
      connection.authorizer.subject = .engine
      try rollbackTo.run()
      switch jobStop {
      case .rejected(let error) where turn.isFirst:
        try release.run()
        var document = ResultDocument(of: turn.write.ticket, status: .rejected, finished: .now())
        document.error = error
        return .rejected(
          Outcome(
            ticket: turn.write.ticket, status: .rejected, durability: .resultFile,
            result: document.rendered()))
      case .failed(let error), .rejected(let error):
        var progress = turn.before
        progress.started = turn.progress.started
        progress.ran += MonotonicTime.now().seconds(since: turn.clock)
        return try record(
          turn, .failed, error, progress, commit: progress.commit,
          committedThrough: progress.place?.line, on: connection)
      case .interrupted, .environment, .needsOwnConnection, .needsWriter:
        return .transactionLost(loss(of: jobStop, turn))
      }
    } catch {
      return .transactionLost(.environment(error))
    }
  }

  private func loss(of stop: JobStop, _ turn: Turn) -> TransactionLoss {
    switch stop {
    case .failed(let error), .rejected(let error):
      .job(
        error, started: turn.started, seconds: MonotonicTime.now().seconds(since: turn.clock))
    case .interrupted(let reason): .interrupted(reason)
    case .environment(let error): .environment(error)
    case .needsOwnConnection, .needsWriter:
      preconditionFailure("an import asked for another connection")
    }
  }
}
