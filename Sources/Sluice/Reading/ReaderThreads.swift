import SQLite

/// A read job that waits for a reader.
struct QueuedRead: Sendable {
  let ticket: JobTicket
  let queued: MonotonicTime
}

/// Threads that run read jobs on the pool's connections, as many as there are connections; a thread
/// starts when all others are busy.
///
/// Any method may be called from any thread.
final class ReaderThreads: Sendable {
  private struct State: Sendable {
    var scheduler: PriorityScheduler<QueuedRead>
    var threads: [OwnedThread] = []
    var resting = 0
    /// What runs, by reader.
    var running: [Int: (sequence: Int64, interrupt: Interrupt)] = [:]
    var isStopping = false
  }

  /// A job that waited longer for a reader calls another one to help, in seconds: below that, waking
  /// it costs more than it brings.
  private static let helpAfter = 0.002
  /// Outcomes handed on at once.
  private static let batch = 64

  private let configuration: EngineConfiguration
  private let pool: ConnectionPool
  private let observer: any RunObserver
  private let deliver: @Sendable ([Outcome]) -> Void
  private let passToWriter: @Sendable (JobTicket) -> Void
  private let state: Monitor<State>

  init(
    _ configuration: EngineConfiguration, pool: ConnectionPool, observer: any RunObserver,
    deliver: @escaping @Sendable ([Outcome]) -> Void,
    passToWriter: @escaping @Sendable (JobTicket) -> Void
  ) {
    self.configuration = configuration
    self.pool = pool
    self.observer = observer
    self.deliver = deliver
    self.passToWriter = passToWriter
    state = Monitor(State(scheduler: PriorityScheduler(configuration: configuration.scheduler)))
  }

  var count: Int { state.withLock { $0.scheduler.count + $0.running.count } }

  func add(_ reads: [JobTicket]) {
    let now = MonotonicTime.now()
    let missing = state.withLock { state -> Int? in
      for ticket in reads {
        state.scheduler.enqueue(
          QueuedRead(ticket: ticket, queued: now), key: UInt64(ticket.sequence), lane: ticket.priority,
          arrival: ticket.arrived, name: ticket.name)
      }
      return Self.threadToStart(state, limit: configuration.poolSize)
    }
    state.signal()
    if let missing { start(missing) }
  }

  private static func threadToStart(_ state: State, limit: Int) -> Int? {
    guard state.resting == 0, state.threads.count < limit, !state.isStopping else { return nil }
    return state.threads.count
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
    for thread in threads { thread.join() }
  }

  // MARK: On a reader's thread

  private func run(_ slot: Int) {
    var outcomes: [Outcome] = []
    while let read = next(hasOutcomes: !outcomes.isEmpty) {
      guard let ticket = read?.ticket else {
        deliver(outcomes)
        outcomes.removeAll(keepingCapacity: true)
        continue
      }
      observer.reader(slot, starts: ticket.sequence)
      let outcome = answer(ticket, slot: slot)
      observer.readerRests(slot)
      if let outcome { outcomes.append(outcome) }
      if outcomes.count >= Self.batch {
        deliver(outcomes)
        outcomes.removeAll(keepingCapacity: true)
      }
    }
    if !outcomes.isEmpty { deliver(outcomes) }
  }

  /// The next job; `.some(nil)` where there is none but outcomes wait to be handed on; nil to stop.
  private func next(hasOutcomes: Bool) -> QueuedRead?? {
    var wasResting = false
    let next = state.wait { state -> QueuedRead?? in
      if wasResting {
        state.resting -= 1
        wasResting = false
      }
      if state.isStopping { return .some(nil) }
      let now = Timestamp.now()
      state.scheduler.beginGroup()
      if let scheduled = state.scheduler.next(now: now) { return scheduled.element }
      if hasOutcomes { return .some(nil) }
      state.resting += 1
      wasResting = true
      return nil
    }
    guard let next else { return nil }
    if next == nil, state.withLock({ $0.isStopping }) { return nil }
    if let read = next { callForHelp(after: read) }
    return next
  }

  private func callForHelp(after read: QueuedRead) {
    guard MonotonicTime.now().seconds(since: read.queued) > Self.helpAfter else { return }
    let (hasMore, missing) = state.withLock { state in
      state.scheduler.hasRunnable
        ? (true, Self.threadToStart(state, limit: configuration.poolSize)) : (false, nil)
    }
    guard hasMore else { return }
    state.signal()
    if let missing { start(missing) }
  }

  private func answer(_ ticket: JobTicket, slot: Int) -> Outcome? {
    let started = Timestamp.now()
    let clock = MonotonicTime.now()
    var attempt = AttemptState(retriesMax: ticket.job.retries ?? configuration.maxRetries)
    while true {
      attempt.started()
      let cursor = ParallelCursor(configuration, pool: pool)
      let end = cursor.run(ticket) { interrupt in
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
          Pause.milliseconds(Int(delay * 1000))
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
}
