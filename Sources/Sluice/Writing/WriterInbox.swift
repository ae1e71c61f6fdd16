import SQLite
import Synchronization

/// Where other threads leave work for the writer, and where it takes its next job from.
///
/// The one place that the writer shares with others; every method may be called from any thread.
final class WriterInbox: Sendable {
  enum Work: Sendable {
    case command(WriterCommand)
    /// There may be something to write.
    case group
    case stop
    /// The deadline has passed.
    case nothing
  }

  private struct Running: Sendable {
    let priority: Priority
    let preemptions: Int
    let arrived: Timestamp
    let interrupt: Interrupt
    let sequence: Int64
    let runsAlone: Bool
    let name: String
    let since: MonotonicTime
  }

  private struct State: Sendable {
    var scheduler: PriorityScheduler<QueuedWrite>
    var commands: [WriterCommand] = []
    var settledThrough: Int64?
    var running: Running?
    /// Jobs that wait and must begin a group.
    var groupStarters = 0
    /// Jobs taken on and not yet answered for.
    var unanswered = 0
    /// Results are published more slowly than jobs are done: only urgent ones begin.
    var isHeldBack = false
    var isStopping = false
    var isClosed = false

    /// Whether a group has a job to begin with.
    var hasRunnable: Bool {
      isHeldBack ? scheduler.mostUrgentWaiting == .urgent : scheduler.hasRunnable
    }
  }

  private let state: Monitor<State>

  init(_ configuration: SchedulerConfiguration) {
    state = Monitor(State(scheduler: PriorityScheduler(configuration: configuration)))
  }

  // MARK: From other threads

  func add(_ writes: [QueuedWrite]) {
    state.withLock { state in
      for write in writes { Self.enqueue(write, &state) }
      state.unanswered += writes.count
      guard let running = state.running, running.runsAlone else { return }
      // The interrupt itself leaves the job its window, so its running time is no matter here.
      let gives = state.scheduler.wouldPreempt(
        lane: running.priority, arrival: running.arrived, preemptions: running.preemptions,
        ranSeconds: .infinity, now: .now())
      if gives { running.interrupt.preempt() }
    }
    state.signal()
  }

  func send(_ command: WriterCommand) {
    let isClosed = state.withLock { state in
      if case .record(let ended) = command {
        state.unanswered += 1
        if ended.status == .cancelled { Self.makeWay(&state) }
      }
      if !state.isClosed { state.commands.append(command) }
      return state.isClosed
    }
    if isClosed { return command.refuse() }
    state.signal()
  }

  /// An operator waits for what only a commit can answer, and a job that runs alone would hold it up
  /// for as long as it runs.
  private static func makeWay(_ state: inout State) {
    guard let running = state.running, running.runsAlone,
      running.preemptions < state.scheduler.configuration.preemptionsMax
    else { return }
    running.interrupt.preempt()
  }

  /// The result files of all rows up to `key` are durable.
  func settle(through key: Int64) {
    state.withLock { $0.settledThrough = max($0.settledThrough ?? key, key) }
    state.signal()
  }

  func tune(_ configuration: SchedulerConfiguration) {
    state.withLock { $0.scheduler.configuration = configuration }
  }

  /// While `isHeldBack`, no job but an urgent one begins.
  func holdBack(_ isHeldBack: Bool) {
    state.withLock { $0.isHeldBack = isHeldBack }
    if !isHeldBack { state.signal() }
  }

  /// No group begins any more; a job that runs alone for long is stopped and stays unfinished.
  func stop() {
    state.withLock { state in
      state.isStopping = true
      state.running?.interrupt.stop(.stopping)
    }
    state.signal()
  }

  /// Takes a job that waits back from the writer.
  func withdraw(sequence: Int64) -> QueuedWrite? {
    state.withLock { state in
      let write = state.scheduler.remove(key: UInt64(sequence))
      if write != nil { state.unanswered -= 1 }
      return write
    }
  }

  /// Takes all jobs back that wait and that `isMeant` accepts.
  func withdraw(_ isMeant: (JobTicket) -> Bool) -> [QueuedWrite] {
    state.withLock { state in
      let writes = state.scheduler.removeAll { isMeant($0.ticket) }
      state.unanswered -= writes.count
      return writes
    }
  }

  /// Stops the job if it runs at this moment.
  func interrupt(sequence: Int64, _ reason: Interrupt.Reason) {
    state.withLock { state in
      guard let running = state.running, running.sequence == sequence else { return }
      running.interrupt.stop(reason)
    }
  }

  /// Jobs that wait, run, or have an outcome that is not delivered.
  var count: Int { state.withLock { $0.unanswered } }

  // MARK: From the writer's thread

  /// So many outcomes were delivered.
  func answered(_ count: Int) { state.withLock { $0.unanswered -= count } }

  /// A command that could not be obeyed yet waits again.
  func sendBack(_ command: WriterCommand) { state.withLock { $0.commands.append(command) } }

  /// Ends everything: commands are refused from now on.
  func close() {
    let commands = state.withLock { state in
      state.isClosed = true
      defer { state.commands.removeAll() }
      return state.commands
    }
    for command in commands { command.refuse() }
  }

  /// Waits for work; `hasMore` says that there is some that the inbox does not know of.
  func wait(hasMore: Bool, until deadline: MonotonicTime?) -> Work {
    let work = state.wait(until: deadline) { state -> Work? in
      if !state.commands.isEmpty { return .command(state.commands.removeFirst()) }
      if state.isStopping { return .stop }
      let waits = state.hasRunnable || state.settledThrough != nil
      return waits || hasMore ? .group : nil
    }
    return work ?? .nothing
  }

  /// Waits until `deadline`, whatever work there is.
  /// - Returns: true at once where the writer is to stop.
  func rest(until deadline: MonotonicTime) -> Bool {
    state.wait(until: deadline) { $0.isStopping ? true : nil } ?? false
  }

  func beginGroup() { state.withLock { $0.scheduler.beginGroup() } }

  /// The next job of the group, which holds `count` so far; nil closes the group.
  ///
  /// A group with an urgent job is not filled up with others, which its commit would wait for.
  func next(groupCount count: Int, hasUrgent: Bool, now: Timestamp) -> QueuedWrite? {
    state.withLock { state in
      guard !state.isStopping, state.hasRunnable else { return nil }
      // Looked at first only where it matters, since it costs as much as taking it.
      if hasUrgent || (count > 0 && state.groupStarters > 0) {
        guard let next = state.scheduler.peek(now: now) else { return nil }
        if hasUrgent, next.lane != .urgent { return nil }
        if count > 0, next.element.beginsGroup { return nil }
      }
      let write = state.scheduler.next(now: now)?.element
      if write?.beginsGroup == true { state.groupStarters -= 1 }
      return write
    }
  }

  /// The job that waits first in line, without taking it.
  func first(now: Timestamp) -> QueuedWrite? {
    state.withLock { $0.scheduler.peek(now: now)?.element }
  }

  /// Takes a job that waits.
  func remove(sequence: Int64) -> QueuedWrite? {
    state.withLock { state in
      let write = state.scheduler.remove(key: UInt64(sequence))
      if write?.beginsGroup == true { state.groupStarters -= 1 }
      return write
    }
  }

  func takeSettled() -> Int64? {
    state.withLock { state in
      defer { state.settledThrough = nil }
      return state.settledThrough
    }
  }

  /// Jobs that have had a turn wait again, where they stood.
  func putBack(_ writes: [QueuedWrite]) {
    state.withLock { state in
      for write in writes { Self.enqueue(write, &state) }
    }
  }

  /// A job runs from now on; with nobody beside it where `runsAlone`, so that it may be preempted.
  func starts(_ write: QueuedWrite, interrupt: Interrupt) {
    state.withLock { state in
      state.running = Running(
        priority: write.ticket.priority, preemptions: write.preemptions,
        arrived: write.ticket.arrived, interrupt: interrupt, sequence: write.ticket.sequence,
        runsAlone: write.beginsGroup, name: write.ticket.name, since: .now())
      if state.isStopping { interrupt.stop(.stopping) }
    }
  }

  func rests() { state.withLock { $0.running = nil } }

  /// What waits by lane, and what runs.
  var snapshot: (lanes: [LaneSnapshot], running: RunningJob?) {
    state.withLock { state in
      let running = state.running.map {
        RunningJob(
          name: $0.name, priority: $0.priority, isWrite: true, since: $0.since,
          preemptions: $0.preemptions, isAlone: $0.runsAlone)
      }
      return (state.scheduler.laneSnapshots, running)
    }
  }

  var isStopping: Bool { state.withLock { $0.isStopping } }

  private static func enqueue(_ write: QueuedWrite, _ state: inout State) {
    if write.beginsGroup { state.groupStarters += 1 }
    state.scheduler.enqueue(
      write, key: UInt64(write.ticket.sequence), lane: write.ticket.priority,
      arrival: write.ticket.arrived, name: write.ticket.name, preemptions: write.preemptions)
  }
}
