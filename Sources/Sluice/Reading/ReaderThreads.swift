import SQLite

/// A read job that waits for a reader.
struct QueuedRead: Sendable {
  let ticket: JobTicket
}

/// Threads that run read jobs on the pool's connections, as many as there are connections; a thread
/// starts when all others are busy.
///
/// Any method may be called from any thread.
final class ReaderThreads: Sendable {
  private struct State: Sendable {
    var scheduler: PriorityScheduler<QueuedRead>
    var threads: [OwnedThread] = []
    /// Threads asked for; the next one's number.
    var threadCount = 0
    /// Jobs taken on and not yet answered for.
    var unanswered = 0
    var resting = 0
    /// What runs, by reader.
    var running: [Int: (sequence: Int64, interrupt: Interrupt)] = [:]
    var isStopping = false
  }

  /// Outcomes handed on at once.
  private static let batch = 64

  private let configuration: EngineConfiguration
  private let pool: ConnectionPool
  private let cache: DatabaseCache
  private let observer: any RunObserver
  private let deliver: @Sendable ([Outcome]) -> Void
  private let passToWriter: @Sendable (JobTicket) -> Void
  /// Condition 0 is that there is a job, 1 only that the readers are to stop.
  private let state: Monitor<State>

  init(
    _ configuration: EngineConfiguration, pool: ConnectionPool, cache: DatabaseCache,
    observer: any RunObserver,
    deliver: @escaping @Sendable ([Outcome]) -> Void,
    passToWriter: @escaping @Sendable (JobTicket) -> Void
  ) {
    self.configuration = configuration
    self.pool = pool
    self.cache = cache
    self.observer = observer
    self.deliver = deliver
    self.passToWriter = passToWriter
    state = Monitor(
      State(scheduler: PriorityScheduler(configuration: configuration.scheduler)), conditions: 2)
  }

  /// Jobs that wait, run, or have an outcome that is not delivered.
  var count: Int { state.withLock { $0.unanswered } }

  func add(_ reads: [JobTicket]) {
    let missing = state.withLock { state -> Int? in
      for ticket in reads {
        state.scheduler.enqueue(
          QueuedRead(ticket: ticket), key: UInt64(ticket.sequence), lane: ticket.priority,
          arrival: ticket.arrived, name: ticket.name)
      }
      state.unanswered += reads.count
      return Self.threadToStart(&state, limit: configuration.poolSize)
    }
    state.signal()
    if let missing { start(missing) }
  }

  private static func threadToStart(_ state: inout State, limit: Int) -> Int? {
    guard state.resting == 0, state.threadCount < limit, !state.isStopping else { return nil }
    defer { state.threadCount += 1 }
    return state.threadCount
  }

  private func start(_ slot: Int) {
    guard let thread = try? OwnedThread(name: "reader-\(slot)", { [self] in run(slot) }) else {
      return
    }
    state.withLock { $0.threads.append(thread) }
  }

  /// Ends the threads; running reads are stopped and stay unfinished.
  func stop() {
    let threads = state.withLock { state in
      state.isStopping = true
      for running in state.running.values { running.interrupt.stop(.stopping) }
      return state.threads
    }
    state.broadcast()
    state.broadcast(1)
    for thread in threads { thread.join() }
  }

  // MARK: On a reader's thread

  private func run(_ slot: Int) {
    let done = DoneReads()
    let onLongRun = { [self] in
      // Whoever waits behind this job must not pay for it.
      hand(done)
      callForHelp()
    }
    while let work = next(hasDone: !done.outcomes.isEmpty) {
      guard case .read(let ticket) = work else {
        hand(done)
        continue
      }
      observer.reader(slot, starts: ticket.sequence)
      let outcome = answer(ticket, slot: slot, onLongRun: onLongRun)
      observer.readerRests(slot)
      if let outcome { done.outcomes.append(outcome) }
      if outcome == nil { state.withLock { $0.unanswered -= 1 } }
      if done.outcomes.count >= Self.batch { hand(done) }
    }
    hand(done)
  }

  private func hand(_ done: DoneReads) {
    let outcomes = done.outcomes
    if outcomes.isEmpty { return }
    done.outcomes.removeAll(keepingCapacity: true)
    deliver(outcomes)
    state.withLock { $0.unanswered -= outcomes.count }
  }

  private enum Work {
    case read(JobTicket)
    /// There is none, but outcomes wait to be handed on.
    case hand
  }

  /// What to do next; nil to stop.
  private func next(hasDone: Bool) -> Work? {
    var wasResting = false
    let next = state.wait { state -> Work?? in
      if wasResting {
        state.resting -= 1
        wasResting = false
      }
      if state.isStopping { return .some(nil) }
      state.scheduler.beginGroup()
      if let scheduled = state.scheduler.next(now: .now()) {
        return .read(scheduled.element.ticket)
      }
      if hasDone { return .hand }
      state.resting += 1
      wasResting = true
      return nil
    }
    return next ?? nil
  }

  private func callForHelp() {
    let (hasMore, missing) = state.withLock { state in
      state.scheduler.hasRunnable
        ? (true, Self.threadToStart(&state, limit: configuration.poolSize)) : (false, nil)
    }
    guard hasMore else { return }
    state.signal()
    if let missing { start(missing) }
  }

  private func answer(
    _ ticket: JobTicket, slot: Int, onLongRun: @escaping () -> Void
  ) -> Outcome? {
    let started = Timestamp.now()
    let clock = MonotonicTime.now()
    let filling: DatabaseCache.Filling?
    switch cache.lookUp(ticket.job) {
    case .hit(let statements):
      return served(statements, to: ticket, started: started, clock: clock)
    case .miss(let begun): filling = begun
    case .bypass: filling = nil
    }
    var attempt = AttemptState(retriesMax: ticket.job.retries ?? configuration.maxRetries)
    while true {
      attempt.started()
      let cursor = ParallelCursor(configuration, pool: pool)
      let end = cursor.run(ticket, filling: filling, onLongRun: onLongRun) { interrupt in
        state.withLock { state in
          state.running[slot] = interrupt.map { (ticket.sequence, $0) }
          if state.isStopping { interrupt?.stop(.stopping) }
        }
      }
      switch end {
      case .ended(let status, let statements, let error):
        if let error, error.retryable,
          case .retry(let delay) = attempt.failed(
            retryable: true, random: .random(in: 0..<1))
        {
          onLongRun()
          if rest(delay) { return nil }
          continue
        }
        let ran = MonotonicTime.now().seconds(since: clock)
        var document = ResultDocument(
          of: ticket, status: status, finished: started.advanced(bySeconds: ran))
        document.attempts = attempt.attempts
        document.started = status == .rejected ? nil : started
        document.ran = ran
        document.statements = statements
        document.error = error
        return Outcome(
          ticket: ticket, status: status, durability: .resultFile, result: document.rendered())
      case .needsWriter:
        passToWriter(ticket)
        return nil
      case .stopped: return nil
      }
    }
  }

  private func served(
    _ statements: [UInt8], to ticket: JobTicket, started: Timestamp, clock: MonotonicTime
  ) -> Outcome {
    let ran = MonotonicTime.now().seconds(since: clock)
    var document = ResultDocument(
      of: ticket, status: .done, finished: started.advanced(bySeconds: ran))
    document.attempts = 1
    document.started = started
    document.ran = ran
    document.statements = statements
    document.cached = true
    return Outcome(
      ticket: ticket, status: .done, durability: .resultFile, result: document.rendered())
  }

  /// - Returns: true at once where the reader is to stop.
  private func rest(_ seconds: Double) -> Bool {
    let end = MonotonicTime.now().advanced(bySeconds: seconds)
    return state.wait(for: 1, until: end) { $0.isStopping ? true : nil } ?? false
  }
}

/// Outcomes of one reader's thread that are still to be handed on; confined to it.
private final class DoneReads {
  var outcomes: [Outcome] = []
}
