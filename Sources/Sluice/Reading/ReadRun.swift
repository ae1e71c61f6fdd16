import SQLite

/// Answers one read job: from the cache, or runs it, again after what may pass, and keeps what it returns.
///
/// On a reader's thread, used once.
struct ReadRun {
  enum Answer {
    case outcome(Outcome)
    /// It is a write after all.
    case needsWriter
    /// The worker stops; the job stays unfinished.
    case stopped
  }

  private let ticket: JobTicket
  private let configuration: EngineConfiguration
  private let pool: ConnectionPool
  private let store: (any RowStore)?
  private let onLongRun: () -> Void
  private let runs: (Interrupt?) -> Void
  private let rest: (Double) -> Interrupt.Reason?

  private static let lookAgainSeconds = 0.25

  private let started = Timestamp.now()
  private let clock = MonotonicTime.now()

  /// - Parameters:
  ///   - runs: told what stops the job while it runs, and nil when it has ended.
  ///   - rest: waits for so many seconds, or until the job is to end: then the answer is why.
  init(
    _ ticket: JobTicket, _ configuration: EngineConfiguration, pool: ConnectionPool,
    store: (any RowStore)?, onLongRun: @escaping () -> Void,
    runs: @escaping (Interrupt?) -> Void, rest: @escaping (Double) -> Interrupt.Reason?
  ) {
    self.ticket = ticket
    self.configuration = configuration
    self.pool = pool
    self.store = store
    self.onLongRun = onLongRun
    self.runs = runs
    self.rest = rest
  }

  func answer() -> Answer {
    // Like a write, it waits for the database that the worker was given.
    while let file = configuration.databaseFile, file.isReplaced {
      onLongRun()
      if let reason = rest(Self.lookAgainSeconds) { return ended(reason) }
    }
    let lookUp = configuration.readCache?.lookUp(ticket.job) ?? .bypass
    if case .hit(let statements) = lookUp {
      configuration.monitor?.addCacheHit(ticket.job)
      return .outcome(served(statements))
    }
    var attempt = AttemptState(retriesMax: ticket.job.retries ?? configuration.maxRetries)
    var patience = Patience()
    while true {
      attempt.started()
      var document = ResultDocument(of: ticket, status: .done, finished: started)
      document.attempts = attempt.attempts
      let output = ReadOutput(ticket, store: store, document: document)
      switch run(output, document, lookUp.filling) {
      // What looks like damage may be a disk that fails for a moment, which another connection does
      // not see.
      case .ended(_, _, let error?)
      where error.retryable || (error.isDamage && attempt.attempts <= 2):
        guard
          case .retry(let delay) = attempt.failed(retryable: true, random: .random(in: 0..<1))
        else {
          return .outcome(outcome(&document, .failed, error))
        }
        onLongRun()
        if let reason = rest(delay) { return ended(reason, attempt.attempts) }
      case .ended(let status, _, let error?):
        return .outcome(outcome(&document, status, error))
      case .ended(let status, let statements, nil):
        return .outcome(outcome(&document, status, nil, statements, output))
      case .notKept(let failure):
        if let error = patience.error(failure, store) {
          return .outcome(outcome(&document, .failed, error))
        }
        attempt.withdrawn()
        onLongRun()
        if let reason = rest(patience.seconds) { return ended(reason, attempt.attempts) }
      case .needsWriter: return .needsWriter
      case .stopped: return .stopped
      }
    }
  }

  /// The answer where the job ends while it rests.
  private func ended(_ reason: Interrupt.Reason, _ attempts: Int = 0) -> Answer {
    guard let end = EarlyEnd(reason) else { return .stopped }
    var document = ResultDocument(of: ticket, status: end.status, finished: started)
    document.attempts = attempts
    return .outcome(outcome(&document, end.status, end.error))
  }

  private func served(_ statements: [UInt8]) -> Outcome {
    var document = ResultDocument(of: ticket, status: .done, finished: started)
    document.attempts = 1
    document.cached = true
    return outcome(&document, .done, nil, statements)
  }

  private func run(
    _ output: ReadOutput, _ document: ResultDocument, _ filling: DatabaseCache.Filling?
  ) -> SnapshotRead.End {
    let read = SnapshotRead(configuration, pool: pool)
    let end = read.run(
      ticket, output: output, filling: filling, onLongRun: onLongRun, runs: runs)
    guard case .ended(.done, let statements, nil) = end else { return end }
    var document = document
    close(&document, .done)
    // Without the connection: making a long file durable takes a while.
    guard let failure = output.finish(document, statements ?? []) else { return end }
    return .notKept(failure)
  }

  private func close(_ document: inout ResultDocument, _ status: JobStatus) {
    let ran = MonotonicTime.now().seconds(since: clock)
    document.status = status
    document.finished = started.advanced(bySeconds: ran)
    document.started = status == .rejected ? nil : started
    document.ran = ran
  }

  private func outcome(
    _ document: inout ResultDocument, _ status: JobStatus, _ error: JobError?,
    _ statements: [UInt8]? = nil, _ output: ReadOutput? = nil
  ) -> Outcome {
    close(&document, status)
    document.error = error
    document.statements = statements
    let isWhole = output?.holdsResult ?? false
    return Outcome(
      ticket: ticket, status: status, durability: .resultFile,
      result: isWhole ? [] : document.rendered(), streamed: output?.streamed)
  }
}

/// What a storage that fails is met with: nothing is lost by waiting, unless the job alone is what
/// does not fit.
private struct Patience {
  private var tries = 0
  private var misfits = 0

  /// Seconds until the next try.
  var seconds: Double { min(2, 0.05 * Double(1 << min(tries, 6))) }

  /// - Returns: why the job is given up; nil to try again.
  mutating func error(_ failure: StorageFailure, _ store: (any RowStore)?) -> JobError? {
    tries += 1
    guard failure.isFull, store?.hasRoom() ?? false else { return nil }
    misfits += 1
    guard misfits > 1 else { return nil }
    return JobError(
      .storage, "SQLITE_FULL", failure.message, number: 13,
      hint: "the job alone returns more than the disk has room for; ask for less or make room")
  }
}
