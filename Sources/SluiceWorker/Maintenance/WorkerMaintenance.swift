import Sluice
import Spool

/// What the worker does by itself: has the chores of the plan done, one at a time, and tells how
/// they ended.
///
/// Belongs to the loop's thread; the work is done on others.
final class WorkerMaintenance {
  private let engines: EngineTable
  private let retention: Retention
  private let thread: OwnedThread
  private let tell: (MonitorEvent) -> Void
  private let log: WorkerLog
  private let ends: ChoreEnds
  private var plan: MaintenancePlan
  private var rules: [Settings.Maintenance]

  /// Starts the thread that prunes.
  /// - Parameters:
  ///   - wake: called from other threads when `tick` has something to do.
  ///   - tell: given an event for each chore that ended.
  init(
    _ settings: WorkerSettings, _ layout: SpoolLayout, engines: EngineTable, log: WorkerLog,
    wake: @escaping @Sendable () -> Void, tell: @escaping (MonitorEvent) -> Void
  ) throws(ThreadError) {
    self.engines = engines
    self.log = log
    self.tell = tell
    ends = ChoreEnds(wake: wake)
    rules = settings.maintenance
    plan = MaintenancePlan(
      settings.maintenance, databases: settings.databases.map(\.name), now: .now())
    let retention = Retention(layout, engines: engines, periods: settings.retention, log: log)
    self.retention = retention
    thread = try OwnedThread(name: "retention") { retention.run() }
  }

  /// Goes by changed settings from now on.
  func adopt(_ settings: WorkerSettings) {
    retention.keep(settings.retention)
    // Untouched rules keep their places, also those that wait for a turn.
    if settings.maintenance == rules { return }
    rules = settings.maintenance
    plan.follow(rules, databases: settings.databases.map(\.name), now: .now())
  }

  /// Tells what has ended, and begins what is due.
  /// - Returns: when there is more to do; nil where something else comes first.
  func tick(_ now: MonotonicTime) -> MonotonicTime? {
    for end in ends.take() {
      if end.gaveWay {
        plan.gaveWay(end.chore, now: .now())
      } else {
        plan.ended()
      }
      report(end)
    }
    if rules.isEmpty { return nil }
    let time = Timestamp.now()
    let chore = plan.begin(now: time) { name in
      guard let engine = engines[name], engine.writerStatus.snapshot.pausedBecause == nil
      else { return nil }
      return engine.load.writes == 0
    }
    if let chore { begin(chore) }
    return plan.nextDeadline(now: time).map { now.advanced(bySeconds: $0.seconds(since: time)) }
  }

  private func begin(_ chore: MaintenancePlan.Chore) {
    let ends = ends
    guard let engine = engines[chore.database] else { return plan.ended() }
    if let work = chore.task.work {
      engine.maintain(work, need: chore.need, preemptions: plan.preemptions) { end in
        ends.add(
          .init(
            chore: chore, seconds: end.seconds, problem: end.error?.message,
            gaveWay: end.gaveWay, wasIdle: end.wasIdle))
      }
    } else {
      retention.ask(database: chore.database) { end in
        ends.add(
          .init(chore: chore, seconds: end.seconds, count: end.results, problem: end.problem))
      }
    }
  }

  private func report(_ end: ChoreEnds.End) {
    let (task, database) = (end.chore.task.rawValue, end.chore.database)
    var event = MonitorEvent(
      kind: end.problem == nil ? .maintenanceDone : .maintenanceFailed, at: .now(),
      text: end.problem.map { "\(task) failed: \($0)" }
        ?? (end.wasIdle ? "\(task) was not needed" : "\(task) is done"))
    if end.gaveWay {
      event.kind = .maintenanceGaveWay
      event.text = "\(task) was stopped for more urgent jobs, and will be tried again"
    }
    event.database = database
    event.seconds = end.seconds
    event.count = end.count
    log.say("maintenance of \(database): \(event.text)")
    tell(event)
  }

  /// Ends the thread; once the engines are stopped.
  func close() {
    retention.close()
    thread.join()
  }
}

/// Where other threads leave word of chores that ended.
final class ChoreEnds: Sendable {
  struct End: Sendable {
    var chore: MaintenancePlan.Chore
    var seconds: Double
    /// Results removed.
    var count: Int?
    /// Nil where it was done.
    var problem: String?
    /// It was stopped for more urgent jobs.
    var gaveWay = false
    /// It was not needed.
    var wasIdle = false
  }

  private let ends = Monitor<[End]>([])
  private let wake: @Sendable () -> Void

  init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

  func add(_ end: End) {
    ends.withLock { $0.append(end) }
    wake()
  }

  func take() -> [End] {
    ends.withLock { ends in
      defer { ends.removeAll() }
      return ends
    }
  }
}

extension Settings.Maintenance.Task {
  /// As the command to an engine; nil for what is none.
  fileprivate var work: ControlRequest.Maintenance? {
    switch self {
    case .optimize: .optimize
    case .analyze: .analyze
    case .checkpoint: .checkpoint
    case .vacuum: .vacuum
    case .incrementalVacuum: .incrementalVacuum
    case .integrityCheck: .integrityCheck
    case .prune: nil
    }
  }
}
