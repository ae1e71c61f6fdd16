import SQLite

/// Runs one script in a transaction and on a connection of its own, which takes every trace of it
/// along; used on the writer's thread.
struct ScriptTransaction {
  enum End {
    /// `walPages` is how long the WAL is now.
    case committed(Outcome, walPages: Int)
    case rejected(Outcome)
    /// It ended without effect; its row is still to be written.
    case ended(EndedWrite)
    case lost(TransactionLoss)
    /// COMMIT failed: neither done nor undone.
    case unknown(SQLiteError)
    /// Another process kept the lock.
    case busy
    /// The machine could not read the file.
    case unreadable(String)
  }

  private let configuration: EngineConfiguration
  private let write: QueuedWrite
  private let source: any ScriptSource
  private let started = Timestamp.now()
  private let clock = MonotonicTime.now()

  init(_ write: QueuedWrite, _ source: any ScriptSource, _ configuration: EngineConfiguration) {
    self.write = write
    self.source = source
    self.configuration = configuration
  }

  func run(_ inbox: WriterInbox, _ status: WriterStatus) -> End {
    do throws(StreamFailure) {
      // Before anything is locked: it may take a while.
      let hash = write.ticket.job.id == nil ? nil : try source.contentHash()
      let leading = try leadingForeignKeys()
      do throws(SQLiteError) {
        var settings = configuration
        if let leading { settings.foreignKeys = leading }
        let session = try WriterSession(settings, inbox, status)
        return try run(session, hash: hash, inbox)
      } catch {
        return ResultClass(error.code) == .locked ? .busy : .lost(.environment(error))
      }
    } catch {
      return end(of: error)
    }
  }

  private func end(of failure: StreamFailure) -> End {
    switch failure {
    case .unreadable(let message): .unreadable(message)
    case .changed(let message):
      ended(
        .failed,
        JobError(
          .request, SluiceCode.badFile, message, hint: "leave files alone once they are claimed"))
    case .unfit(let error): rejected(error)
    }
  }

  /// What a `PRAGMA foreign_keys=…` in front of everything else sets; SQLite ignores it inside a
  /// transaction, so it has to be known before.
  private func leadingForeignKeys() throws(StreamFailure) -> Bool? {
    let reader = try source.open()
    // The text is lent by the reader, which would be gone after its last use.
    defer { withExtendedLifetime(reader) {} }
    guard let first = try reader.next(), first.text.count < 1000 else { return nil }
    return ForeignKeysPragma.leading(String(decoding: first.text, as: UTF8.self))
  }

  private func run(
    _ session: WriterSession, hash: UInt64?, _ inbox: WriterInbox
  ) throws(SQLiteError) -> End {
    try session.begin(write.ticket.job.transaction ?? .immediate)
    let commit = try session.ledger.beginCommit(on: session.connection)
    let windowEnd = MonotonicTime.now().advanced(bySeconds: configuration.groupWindow)
    session.connection.interrupt.arm(groupDeadline: windowEnd.nanoseconds, runsAlone: true)
    inbox.starts(write, interrupt: session.connection.interrupt)
    defer { inbox.rests() }
    session.connection.resetCounters()
    session.transactions.jobsBegun += 1
    if let hash,
      let known = try session.transactions.knownOutcome(
        write, hash: hash, started: started, on: session.connection)
    {
      switch known {
      case .recorded(let outcome): return self.commit(outcome, session)
      case .rejected(let outcome):
        session.rollback()
        return .rejected(outcome)
      case .again, .continues, .transactionLost:
        preconditionFailure("an id was looked up, and a job was run")
      }
    }
    var execution = ScriptExecution(
      write.ticket, configuration, session.transactions)
    do throws(ScriptExecution.Stop) {
      let reader = try open()
      let statements = try execution.run(reader, on: session.connection)
      try check(execution, session)
      let outcome = try record(
        execution.totals, statements, commit: commit, contentHash: reader.contentHash, session)
      return self.commit(outcome, session)
    } catch {
      let end = end(of: error)
      session.rollback()
      return end
    }
  }

  private func open() throws(ScriptExecution.Stop) -> any ScriptReader {
    do throws(StreamFailure) {
      return try source.open()
    } catch {
      throw .stream(error)
    }
  }

  private func check(
    _ execution: ScriptExecution, _ session: WriterSession
  ) throws(ScriptExecution.Stop) {
    do throws(JobStop) {
      try session.transactions.check(
        changedSchema: execution.changedSchema, setPragma: execution.setPragma,
        on: session.connection)
    } catch {
      throw .job(error)
    }
  }

  private func record(
    _ totals: ScriptTotals, _ statements: [UInt8]?, commit: Int64, contentHash: UInt64?,
    _ session: WriterSession
  ) throws(ScriptExecution.Stop) -> Outcome {
    let ran = MonotonicTime.now().seconds(since: clock)
    var document = ResultDocument(
      of: write.ticket, status: .done, finished: started.advanced(bySeconds: ran))
    document.attempts = write.failedAttempts + 1
    document.started = started
    document.ran = ran
    document.commit = commit
    document.statements = statements
    document.script = totals
    let result = document.rendered()
    do throws(SQLiteError) {
      let key = try session.ledger.record(
        write.ticket, status: .done, finished: document.finished, result: result,
        contentHash: contentHash, on: session.connection)
      if let id = write.ticket.job.id {
        let use = Ledger.FirstUse(
          hash: contentHash ?? write.ticket.identity.hash, job: write.ticket.name, commit: commit,
          statements: statements ?? Array("[]".utf8))
        try session.ledger.remember(
          id: id, firstUse: use, finished: document.finished, on: session.connection)
      }
      return Outcome(
        ticket: write.ticket, status: .done, durability: .ledger(key: key), result: result)
    } catch {
      throw .job(.environment(error))
    }
  }

  private func commit(_ outcome: Outcome, _ session: WriterSession) -> End {
    do throws(SQLiteError) {
      Seam.reached(.begun)
      try session.commit()
      Seam.reached(.committed)
      return .committed(outcome, walPages: session.connection.walPages)
    } catch {
      session.rollback()
      return .unknown(error)
    }
  }

  // MARK: Ends without effect

  private func end(of stop: ScriptExecution.Stop) -> End {
    switch stop {
    case .stream(let failure): end(of: failure)
    case .job(.failed(let error)): ended(.failed, error)
    case .job(.rejected(let error)): rejected(error)
    case .job(.interrupted(let reason)): .lost(.interrupted(reason))
    case .job(.environment(let error)): .lost(.environment(error))
    case .job(.needsWriter), .job(.needsOwnConnection):
      preconditionFailure("a script has the writer and a connection of its own")
    }
  }

  private func ended(_ status: JobStatus, _ error: JobError) -> End {
    .ended(
      EndedWrite(
        write: write, status: status, error: error, started: started, finished: .now(),
        ran: MonotonicTime.now().seconds(since: clock)))
  }

  private func rejected(_ error: JobError) -> End {
    var document = ResultDocument(of: write.ticket, status: .rejected, finished: .now())
    document.error = error
    return .rejected(
      Outcome(
        ticket: write.ticket, status: .rejected, durability: .resultFile,
        result: document.rendered()))
  }
}
