import SQLite

/// Runs one read job on a pooled connection, in one snapshot.
struct SnapshotRead {
  enum End {
    case ended(JobStatus, statements: [UInt8]?, error: JobError?)
    /// What it returns could not be kept.
    case notKept(StorageFailure)
    /// It is a write after all.
    case needsWriter
    /// The worker stops; the job stays unfinished.
    case stopped
  }

  private let configuration: EngineConfiguration
  private let pool: ConnectionPool

  init(_ configuration: EngineConfiguration, pool: ConnectionPool) {
    self.configuration = configuration
    self.pool = pool
  }

  /// A statement that runs for more than so many seconds is a long one.
  private static let longRun = 0.002

  /// - Parameters:
  ///   - output: where rows go that are many; not finished here.
  ///   - filling: given the result, if it is done and in memory.
  ///   - onLongRun: called, on this thread, when the job turns out to be a long one.
  ///   - runs: told what stops the job while it runs, and nil when it has ended.
  func run(
    _ ticket: JobTicket, output: ReadOutput, filling: DatabaseCache.Filling?,
    onLongRun: @escaping () -> Void,
    runs: (Interrupt?) -> Void
  ) -> End {
    let pooled: PooledConnection
    do throws(JobError) {
      pooled = try pool.acquire(ticket.priority)
    } catch {
      return .ended(.failed, statements: nil, error: error)
    }
    let interrupt = pooled.connection.interrupt
    interrupt.arm()
    pooled.connection.onLongRun(after: Self.longRun, onLongRun)
    runs(interrupt)
    defer { runs(nil) }
    do throws(JobStop) {
      let executed = try execute(
        ticket.job, output, on: pooled.connection,
        MonitorSink(pooled.recorder, job: ticket.name))
      pool.release(pooled, .reuse)
      if !output.holdsResult {
        filling?.store(executed.json, traits: executed.traits, use: executed.use)
      }
      return .ended(.done, statements: executed.json, error: nil)
    } catch {
      let verdict = leave(pooled.connection, after: error)
      pool.release(pooled, verdict)
      if let failure = output.failure { return .notKept(failure) }
      return end(error)
    }
  }

  private func execute(
    _ job: Job, _ output: ReadOutput, on connection: borrowing Connection,
    _ monitor: MonitorSink?
  ) throws(JobStop) -> ExecutedStatements {
    let isSingle = job.statements.count == 1
    do throws(SQLiteError) {
      // Several statements see one snapshot; a single one is a snapshot by itself.
      if !isSingle || job.statements[0].sql.utf8.contains(0x3b) {
        try connection.execute("BEGIN")
      }
      // EXPLAIN looks at the schema as the connection knows it, and reads nothing that would show
      // that it has changed.
      if job.statements.contains(where: { SQLKeyword(of: $0.sql) == .explain }) {
        try connection.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1")
      }
    } catch {
      throw .environment(error)
    }
    var execution = JobExecution(
      job,
      settings: JobExecution.Settings(
        queryTimeout: configuration.queryTimeout, returningLimit: .max, subject: .reader,
        unshareable: [], monitor: monitor), output: output)
    let executed = try execution.run(on: connection)
    if !connection.isAutocommit {
      do throws(SQLiteError) {
        try connection.execute("COMMIT")
      } catch {
        throw .environment(error)
      }
    }
    return executed
  }

  private func leave(
    _ connection: borrowing Connection, after stop: JobStop
  ) -> ConnectionVerdict {
    connection.interrupt.arm()
    if !connection.isAutocommit, (try? connection.execute("ROLLBACK")) == nil { return .discard }
    if case .environment = stop { return .discard }
    if case .failed(let error) = stop, error.kind == .storage || error.kind == .connection {
      return .discard
    }
    if case .failed = stop { return .suspect }
    return .reuse
  }

  private func end(_ stop: JobStop) -> End {
    switch stop {
    case .failed(let error): .ended(.failed, statements: nil, error: error)
    case .rejected(let error): .ended(.rejected, statements: nil, error: error)
    case .environment(let error): .ended(.failed, statements: nil, error: JobError(error))
    case .needsWriter, .needsOwnConnection: .needsWriter
    case .interrupted(let reason):
      EarlyEnd(reason).map { .ended($0.status, statements: nil, error: $0.error) } ?? .stopped
    }
  }
}
