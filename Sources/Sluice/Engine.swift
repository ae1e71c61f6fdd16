import SQLite

/// One database behind Sluice: every write through one writer, reads beside it.
///
/// Knows nothing of files of jobs or of an event loop. Any method may be called from any thread.
public final class Engine: Sendable {
  public let configuration: EngineConfiguration
  public let writerStatus: WriterStatus
  public let pool: ConnectionPool
  /// Of this database's reads; its statistics, and what an operator may do with it.
  public let cache: DatabaseCache
  let inbox: WriterInbox
  let readers: ReaderThreads
  let commands: LongCommands
  private let writer: OwnedThread
  private let live: LiveTuning
  let deliver: @Sendable ([Outcome]) -> Void
  let observer: any RunObserver

  /// Opens the database and starts its threads.
  ///
  /// - Parameters:
  ///   - observer: told which jobs run.
  ///   - rows: where reads put what is too long for memory; nil holds everything in memory, and
  ///     rejects the formats with a file of their own.
  ///   - report: told what an operator should know, a line each.
  ///   - deliver: given the outcomes, those of writes in the order they were committed; called on
  ///     the threads that made them, so it may block only to hold them back.
  /// - Throws: kind `.connection` or `.storage` where the database cannot be opened.
  public init(
    _ initial: EngineConfiguration, observer: any RunObserver, rows: (any RowStore)? = nil,
    report: @escaping @Sendable (String) -> Void,
    deliver: @escaping @Sendable ([Outcome]) -> Void
  ) throws(JobError) {
    let live = LiveTuning(initial.tuning)
    let cache = DatabaseCache(path: initial.path, initial.tuning.cache) {
      report("\($0.message) (\($0.code)); reads go to the database")
    }
    let configuration = initial.following(live, cache)
    self.cache = cache
    self.live = live
    self.configuration = configuration
    let inbox = WriterInbox(configuration.scheduler)
    let status = WriterStatus(report: report)
    let opened = Answer<SQLiteError?>()
    do throws(ThreadError) {
      writer = try OwnedThread(name: "writer-\(configuration.name)") {
        let thread = WriterThread(
          configuration, inbox: inbox, observer: observer, status: status, deliver: deliver)
        do throws(SQLiteError) {
          try thread.start()
        } catch {
          return opened.give(error)
        }
        opened.give(nil)
        thread.run()
      }
    } catch {
      throw JobError(error)
    }
    if let error = opened.wait() {
      writer.join()
      throw JobError(error)
    }
    self.inbox = inbox
    self.deliver = deliver
    self.observer = observer
    writerStatus = status
    var poolConfiguration = ConnectionPool.Configuration(path: configuration.path)
    poolConfiguration.size = configuration.poolSize
    poolConfiguration.timeout = configuration.connectionTimeout
    poolConfiguration.idleClose = configuration.poolIdle
    poolConfiguration.monitor = configuration.monitor
    poolConfiguration.valueBytes = configuration.valueBytes
    pool = ConnectionPool(poolConfiguration)
    do throws(ThreadError) {
      commands = try LongCommands(name: "commands-\(configuration.name)")
    } catch {
      inbox.stop()
      writer.join()
      throw JobError(error)
    }
    do throws(ThreadError) {
      readers = try ReaderThreads(
        configuration, pool: pool, store: rows, observer: observer, deliver: deliver,
        passToWriter: { inbox.add([QueuedWrite(ticket: $0.ticket, runsAlone: $0.runsAlone)]) })
    } catch {
      commands.stop()
      inbox.stop()
      writer.join()
      throw JobError(error)
    }
  }

  /// Takes jobs on; each has its outcome delivered later, unless the engine is stopped before.
  ///
  /// What may be a read goes to a reader, which passes it on where it turns out to write.
  /// - Parameter alone: nobody shares their transactions, and of reads one runs at a time, since one of
  ///   them may have killed the worker.
  public func submit(_ tickets: [JobTicket], alone: Bool = false) {
    var reads: [QueuedRead] = []
    var writes: [QueuedWrite] = []
    for ticket in tickets {
      if ticket.job.mayRead {
        reads.append(QueuedRead(ticket: ticket, runsAlone: alone))
      } else {
        writes.append(QueuedWrite(ticket: ticket, runsAlone: alone))
      }
    }
    if !reads.isEmpty { readers.add(reads) }
    if !writes.isEmpty { inbox.add(writes) }
  }

  /// Gives a job up that is not to run; its outcome is delivered like any other.
  public func giveUp(_ ticket: JobTicket, _ status: JobStatus, _ error: JobError) {
    let finished = Timestamp.now()
    guard ticket.job.mayRead else {
      let write = QueuedWrite(ticket: ticket)
      return inbox.send(
        .record(
          EndedWrite(write: write, status: status, error: error, started: nil, finished: finished)))
    }
    var document = ResultDocument(of: ticket, status: status, finished: finished)
    document.error = error
    deliver([
      Outcome(
        ticket: ticket, status: status, durability: .resultFile, result: document.rendered())
    ])
  }

  /// Puts other settings in force: for jobs that begin from now on.
  public func tune(_ tuning: EngineTuning) {
    live.set(tuning)
    cache.configure(tuning.cache)
    inbox.tune(tuning.scheduler)
    readers.tune(tuning.scheduler)
    pool.wait(atMost: tuning.connectionTimeout)
  }

  /// While `isHeldBack`, no write but an urgent one begins: for whoever cannot keep up with the
  /// outcomes.
  public func holdBack(_ isHeldBack: Bool) { inbox.holdBack(isHeldBack) }

  /// The result files of all ledger rows up to `key` are durable.
  public func settle(through key: Int64) { inbox.settle(through: key) }

  /// This spool's rows whose result files may not be durable, in the order they ended. Blocks.
  public func unsettledRows() throws(JobError) -> [LedgerRow] {
    let answer = Answer<Result<[LedgerRow], SQLiteError>>()
    inbox.send(.unsettled { answer.give($0) })
    return try Self.value(answer.wait())
  }

  /// Of each job that takes several transactions, by its sequence number, the last one that is
  /// committed. Blocks.
  public func lastChunks() throws(JobError) -> [Int64: Int64] {
    let answer = Answer<Result<[Int64: Int64], SQLiteError>>()
    inbox.send(.lastChunks { answer.give($0) })
    return try Self.value(answer.wait())
  }

  /// The results that the ledger has recorded; whoever gets them uses them on one thread.
  public func recordedResults() throws(JobError) -> RecordedResults {
    do throws(SQLiteError) {
      return try RecordedResults(path: configuration.path)
    } catch {
      throw JobError(error)
    }
  }

  /// Forgets settled rows of the ledger, and ids, that ended before `limit`, at most `most` of each,
  /// in a transaction of its own. Blocks.
  /// - Returns: whether there may be more.
  public func prune(before limit: Timestamp, most: Int = 1000) throws(JobError) -> Bool {
    let answer = Answer<Result<Bool, SQLiteError>>()
    inbox.send(.prune(before: limit, most: most) { answer.give($0) })
    return try Self.value(answer.wait())
  }

  /// The same without waiting for it, once and as far as it comes.
  func forget(before limit: Timestamp, most: Int) {
    inbox.send(.prune(before: limit, most: most) { _ in })
  }

  /// The committed chunks of a batch, read beside the writer; whoever gets them uses them on one
  /// thread.
  public func chunks(ofBatch sequence: Int64) throws(JobError) -> BatchChunks {
    do throws(SQLiteError) {
      return try BatchChunks(
        path: configuration.path, spool: configuration.spool, sequence: sequence)
    } catch {
      throw JobError(error)
    }
  }

  private static func value<Value>(
    _ result: Result<Value, SQLiteError>
  ) throws(JobError) -> Value {
    switch result {
    case .success(let value): return value
    case .failure(let error): throw JobError(error)
    }
  }

  /// Jobs that wait, run, or have an outcome that is not delivered yet.
  public var load: (writes: Int, reads: Int) { (inbox.count, readers.count) }

  /// Whether there is such a job, or a command or maintenance waits for the writer or has it.
  public var isBusy: Bool { inbox.isBusy || readers.count > 0 }

  /// Ends the threads. What runs is undone and, like what waits, stays without an outcome; call it
  /// when `load` is zero to lose no time.
  public func stop() {
    commands.stop()
    readers.stop()
    inbox.stop()
    writer.join()
    pool.closeIdle()
    cache.close()
  }
}

extension Job {
  /// Whether every statement begins like one that may be read-only.
  var mayRead: Bool {
    guard case .transaction = body else { return false }
    if let transaction, transaction != .deferred { return false }
    return statements.allSatisfy { SQLKeyword(of: $0.sql).mayRead }
  }

  /// Whether a statement begins like one that reads and nothing else.
  public static func begins(asRead sql: UnsafeBufferPointer<UInt8>) -> Bool {
    SQLKeyword(of: sql).mayRead
  }
}

extension JobError {
  fileprivate init(_ error: ThreadError) {
    self.init(
      .connection, "SQLITE_NOMEM", "no thread \(error.name) (errno \(error.errno))", number: 7,
      hint: "raise the limit on threads (ulimit -u, pids.max)")
  }
}
