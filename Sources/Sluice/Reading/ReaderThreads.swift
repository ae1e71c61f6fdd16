import SQLite

/// A read job that waits for a reader.
struct QueuedRead: Sendable {
  let ticket: JobTicket
  /// It may have killed a worker: no other such one runs beside it, so that the next death is laid
  /// at the door of one alone.
  var runsAlone = false
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
    /// Jobs that had their turn while another one that runs alone was running.
    var held: [QueuedRead] = []
    /// The job in hand, by reader.
    var running: [Int: Running] = [:]
    var isStopping = false
  }

  private struct Running: Sendable {
    let ticket: JobTicket
    let runsAlone: Bool
    let since: MonotonicTime
    /// While it has a connection.
    var interrupt: Interrupt?
    /// Why it is to end.
    var stop: Interrupt.Reason?
  }

  /// Outcomes handed on at once, and the bytes of their results.
  private static let batch = 64
  private static let bytesMax = 1 << 20

  private let configuration: EngineConfiguration
  private let pool: ConnectionPool
  private let store: (any RowStore)?
  private let observer: any RunObserver
  private let deliver: @Sendable ([Outcome]) -> Void
  private let passToWriter: @Sendable (QueuedRead) -> Void
  /// A condition for each reader, by its slot, and a last one that a reader is to end its job. Not one
  /// for all: where several wait for one condition, glibc before 2.41 may lose a signal (bug 25847).
  private let state: Monitor<State>
  private let stopping: Int

  /// - Throws: when the system gives no thread at all: reads would wait for ever.
  init(
    _ configuration: EngineConfiguration, pool: ConnectionPool, store: (any RowStore)?,
    observer: any RunObserver,
    deliver: @escaping @Sendable ([Outcome]) -> Void,
    passToWriter: @escaping @Sendable (QueuedRead) -> Void
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

  func add(_ reads: [QueuedRead]) {
    let help = state.withLock { state -> Help? in
      for read in reads { Self.enqueue(read, &state) }
      state.unanswered += reads.count
      return Self.help(&state, limit: configuration.poolSize)
    }
    if let help { call(help) }
  }

  private static func enqueue(_ read: QueuedRead, _ state: inout State) {
    state.scheduler.enqueue(
      read, key: UInt64(read.ticket.sequence), lane: read.ticket.priority,
      arrival: read.ticket.arrived, name: read.ticket.name)
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
      Self.release(&state)
      let read = state.scheduler.remove(key: UInt64(sequence))
      if read != nil { state.unanswered -= 1 }
      return read?.ticket
    }
  }

  /// Takes all jobs back that wait and that `isMeant` accepts.
  func withdraw(_ isMeant: (JobTicket) -> Bool) -> [JobTicket] {
    state.withLock { state in
      Self.release(&state)
      let reads = state.scheduler.removeAll { isMeant($0.ticket) }
      state.unanswered -= reads.count
      return reads.map(\.ticket)
    }
  }

  /// Ends the job if a reader has it, whether a statement of it runs or it rests between two tries.
  func interrupt(sequence: Int64, _ reason: Interrupt.Reason) {
    let isThere = state.withLock { state in
      guard let (slot, running) = state.running.first(where: { $1.ticket.sequence == sequence })
      else { return false }
      state.running[slot]?.stop = running.stop ?? reason
      running.interrupt?.stop(reason)
      return true
    }
    if isThere { state.broadcast(stopping) }
  }

  func tune(_ configuration: SchedulerConfiguration) {
    state.withLock { $0.scheduler.configuration = configuration }
  }

  /// Ends the threads; running reads are stopped and stay unfinished.
  func stop() {
    let threads = state.withLock { state in
      state.isStopping = true
      for running in state.running.values { running.interrupt?.stop(.stopping) }
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
      guard case .read(let read) = work else {
        hand(done)
        continue
      }
      let outcome = answer(read, slot: slot, onLongRun: onLongRun)
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
    case read(QueuedRead)
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
        if state.running.removeValue(forKey: slot)?.runsAlone == true { Self.release(&state) }
        if state.isStopping { return .some(nil) }
        if let read = Self.take(&state) {
          state.running[slot] = Running(
            ticket: read.ticket, runsAlone: read.runsAlone, since: .now())
          return .read(read)
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

  private static func take(_ state: inout State) -> QueuedRead? {
    state.scheduler.beginGroup()
    while let read = state.scheduler.next(now: .now())?.element {
      guard read.runsAlone, state.running.values.contains(where: \.runsAlone) else { return read }
      state.held.append(read)
    }
    return nil
  }

  /// Those that are held wait in the line again.
  private static func release(_ state: inout State) {
    for read in state.held { enqueue(read, &state) }
    state.held.removeAll()
  }

  private func callForHelp() {
    let help = state.withLock { state in
      state.scheduler.hasRunnable ? Self.help(&state, limit: configuration.poolSize) : nil
    }
    if let help { call(help) }
  }

  private func answer(
    _ read: QueuedRead, slot: Int, onLongRun: @escaping () -> Void
  ) -> Outcome? {
    let run = ReadRun(
      read.ticket, configuration, pool: pool, store: store, onLongRun: onLongRun,
      runs: { [self] interrupt in
        // Not sooner: a worker that dies while a connection is opened does not die of the job.
        if interrupt == nil {
          observer.readerRests(slot)
        } else {
          observer.reader(slot, starts: read.ticket.sequence)
        }
        state.withLock { state in
          state.running[slot]?.interrupt = interrupt
          if let reason = Self.reasonToEnd(state, slot) { interrupt?.stop(reason) }
        }
      }, rest: { [self] in rest(slot, $0) })
    switch run.answer() {
    case .outcome(let outcome): return outcome
    case .needsWriter:
      passToWriter(read)
      return nil
    case .stopped: return nil
    }
  }

  /// - Returns: at once why the job is to end, if it is.
  private func rest(_ slot: Int, _ seconds: Double) -> Interrupt.Reason? {
    let end = MonotonicTime.now().advanced(bySeconds: seconds)
    return state.wait(for: stopping, until: end) { Self.reasonToEnd($0, slot) }
  }

  private static func reasonToEnd(_ state: State, _ slot: Int) -> Interrupt.Reason? {
    state.isStopping ? .stopping : state.running[slot]?.stop
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
