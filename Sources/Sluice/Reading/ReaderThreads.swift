import SQLite

/// A read job that waits for a reader.
struct QueuedRead: Sendable {
  let ticket: JobTicket
}

/// Threads that run read jobs on the pool's connections, as many as there are connections; the first
/// starts at once, another one when all others are busy.
///
/// Any method may be called from any thread.
final class ReaderThreads: Sendable {
  private struct State: Sendable {
    var scheduler: PriorityScheduler<QueuedRead>
    var threads: [OwnedThread] = []
    /// Threads asked for; the next one's number.
    var threadCount = 0
    /// Numbers of threads that the system did not give.
    var vacant: [Int] = []
    /// Jobs taken on and not yet answered for.
    var unanswered = 0
    /// Readers that wait for a job.
    var resting: [Int] = []
    /// What runs, by reader.
    var running: [Int: Running] = [:]
    var isStopping = false
  }

  private struct Running: Sendable {
    let ticket: JobTicket
    let interrupt: Interrupt
    let since: MonotonicTime
  }

  /// Outcomes handed on at once, and the bytes of their results.
  private static let batch = 64
  private static let bytesMax = 1 << 20

  private let configuration: EngineConfiguration
  private let pool: ConnectionPool
  private let store: (any RowStore)?
  private let observer: any RunObserver
  private let deliver: @Sendable ([Outcome]) -> Void
  private let passToWriter: @Sendable (JobTicket) -> Void
  /// A condition for each reader, by its slot, and a last one that the readers are to stop. Not one
  /// for all: where several wait for one condition, glibc before 2.41 may lose a signal (bug 25847).
  private let state: Monitor<State>
  private let stopping: Int

  /// - Throws: when the system gives no thread at all: reads would wait for ever.
  init(
    _ configuration: EngineConfiguration, pool: ConnectionPool, store: (any RowStore)?,
    observer: any RunObserver,
    deliver: @escaping @Sendable ([Outcome]) -> Void,
    passToWriter: @escaping @Sendable (JobTicket) -> Void
  ) throws(ThreadError) {
    self.configuration = configuration
    self.pool = pool
    self.store = store
    self.observer = observer
    self.deliver = deliver
    self.passToWriter = passToWriter
    stopping = configuration.poolSize
    state = Monitor(
      State(scheduler: PriorityScheduler(configuration: configuration.scheduler)),
      conditions: configuration.poolSize + 1)
    state.withLock { $0.threadCount = 1 }
    try startThread(0)
  }

  /// Jobs that wait, run, or have an outcome that is not delivered.
  var count: Int { state.withLock { $0.unanswered } }

  /// What waits by lane, and what runs.
  var snapshot: (lanes: [LaneSnapshot], running: [RunningJob]) {
    state.withLock { state in
      let running = state.running.values.map { running in
        RunningJob(
          name: running.ticket.name, priority: running.ticket.priority, isWrite: false,
          since: running.since, preemptions: 0, isAlone: false)
      }
      return (state.scheduler.laneSnapshots, running)
    }
  }

  func add(_ reads: [JobTicket]) {
    let help = state.withLock { state -> Help? in
      for ticket in reads {
        state.scheduler.enqueue(
          QueuedRead(ticket: ticket), key: UInt64(ticket.sequence), lane: ticket.priority,
          arrival: ticket.arrived, name: ticket.name)
      }
      state.unanswered += reads.count
      return Self.help(&state, limit: configuration.poolSize)
    }
    if let help { call(help) }
  }

  /// Who is to take a job that waits.
  private enum Help {
    case wake(Int)
    case start(Int)
  }

  /// Nil where all readers are at work.
  private static func help(_ state: inout State, limit: Int) -> Help? {
    if let slot = state.resting.popLast() { return .wake(slot) }
    if state.isStopping { return nil }
    if let slot = state.vacant.popLast() { return .start(slot) }
    guard state.threadCount < limit else { return nil }
    defer { state.threadCount += 1 }
    return .start(state.threadCount)
  }

  private func call(_ help: Help) {
    switch help {
    case .wake(let slot): state.signal(slot)
    case .start(let slot): start(slot)
    }
  }

  private func startThread(_ slot: Int) throws(ThreadError) {
    let thread = try OwnedThread(name: "reader-\(slot)") { [self] in run(slot) }
    state.withLock { $0.threads.append(thread) }
  }

  /// One more thread; without it the others do the work, and it is tried again with the next job.
  private func start(_ slot: Int) {
    do throws(ThreadError) {
      try startThread(slot)
    } catch {
      state.withLock { $0.vacant.append(slot) }
    }
  }

  /// Takes a job that waits back.
  func withdraw(sequence: Int64) -> JobTicket? {
    state.withLock { state in
      let read = state.scheduler.remove(key: UInt64(sequence))
      if read != nil { state.unanswered -= 1 }
      return read?.ticket
    }
  }

  /// Takes all jobs back that wait and that `isMeant` accepts.
  func withdraw(_ isMeant: (JobTicket) -> Bool) -> [JobTicket] {
    state.withLock { state in
      let reads = state.scheduler.removeAll { isMeant($0.ticket) }
      state.unanswered -= reads.count
      return reads.map(\.ticket)
    }
  }

  /// Stops the job if a statement of it runs at this moment.
  func interrupt(sequence: Int64, _ reason: Interrupt.Reason) {
    state.withLock { state in
      for running in state.running.values where running.ticket.sequence == sequence {
        running.interrupt.stop(reason)
      }
    }
  }

  func tune(_ configuration: SchedulerConfiguration) {
    state.withLock { $0.scheduler.configuration = configuration }
  }

  /// Ends the threads; running reads are stopped and stay unfinished.
  func stop() {
    let threads = state.withLock { state in
      state.isStopping = true
      for running in state.running.values { running.interrupt.stop(.stopping) }
      return state.threads
    }
    for condition in 0...stopping { state.broadcast(condition) }
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
    while let work = next(slot, hasDone: !done.outcomes.isEmpty) {
      guard case .read(let ticket) = work else {
        hand(done)
        continue
      }
      observer.reader(slot, starts: ticket.sequence)
      let outcome = answer(ticket, slot: slot, onLongRun: onLongRun)
      observer.readerRests(slot)
      if let outcome { done.add(outcome) }
      if outcome == nil { state.withLock { $0.unanswered -= 1 } }
      if done.outcomes.count >= Self.batch || done.bytes >= Self.bytesMax { hand(done) }
    }
    hand(done)
  }

  private func hand(_ done: DoneReads) {
    let outcomes = done.outcomes
    if outcomes.isEmpty { return }
    done.removeAll()
    deliver(outcomes)
    state.withLock { $0.unanswered -= outcomes.count }
  }

  private enum Work {
    case read(JobTicket)
    /// There is none, but outcomes wait to be handed on.
    case hand
  }

  /// What to do next; nil to stop.
  private func next(_ slot: Int, hasDone: Bool) -> Work? {
    var mayClose = true
    while true {
      let deadline = mayClose ? MonotonicTime.now().advanced(bySeconds: pool.idleClose) : nil
      var wasResting = false
      let next = state.wait(for: slot, until: deadline) { state -> Work?? in
        if wasResting {
          state.resting.removeAll { $0 == slot }
          wasResting = false
        }
        if state.isStopping { return .some(nil) }
        state.scheduler.beginGroup()
        if let scheduled = state.scheduler.next(now: .now()) {
          return .read(scheduled.element.ticket)
        }
        if hasDone { return .hand }
        state.resting.append(slot)
        wasResting = true
        return nil
      }
      if let next { return next }
      // Nobody came for long: what the pool no longer needs is closed, then there is nothing to
      // wake up for.
      state.withLock { $0.resting.removeAll { $0 == slot } }
      mayClose = pool.closeRested()
    }
  }

  private func callForHelp() {
    let help = state.withLock { state in
      state.scheduler.hasRunnable ? Self.help(&state, limit: configuration.poolSize) : nil
    }
    if let help { call(help) }
  }

  private func answer(
    _ ticket: JobTicket, slot: Int, onLongRun: @escaping () -> Void
  ) -> Outcome? {
    let clock = MonotonicTime.now()
    let run = ReadRun(
      ticket, configuration, pool: pool, store: store, onLongRun: onLongRun,
      runs: { [self] interrupt in
        state.withLock { state in
          state.running[slot] = interrupt.map {
            Running(ticket: ticket, interrupt: $0, since: clock)
          }
          if state.isStopping { interrupt?.stop(.stopping) }
        }
      }, rest: { [self] in rest($0) })
    switch run.answer() {
    case .outcome(let outcome): return outcome
    case .needsWriter:
      passToWriter(ticket)
      return nil
    case .stopped: return nil
    }
  }

  /// - Returns: true at once where the reader is to stop.
  private func rest(_ seconds: Double) -> Bool {
    let end = MonotonicTime.now().advanced(bySeconds: seconds)
    return state.wait(for: stopping, until: end) { $0.isStopping ? true : nil } ?? false
  }
}

/// Outcomes of one reader's thread that are still to be handed on; confined to it.
private final class DoneReads {
  private(set) var outcomes: [Outcome] = []
  private(set) var bytes = 0

  func add(_ outcome: Outcome) {
    outcomes.append(outcome)
    bytes += outcome.result.count
    // What a small file of rows holds is still in memory.
    if outcome.streamed != nil { bytes += ReadOutput.piece }
  }

  func removeAll() {
    outcomes.removeAll(keepingCapacity: true)
    bytes = 0
  }
}
