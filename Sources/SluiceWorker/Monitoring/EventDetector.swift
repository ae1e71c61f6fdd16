import Sluice

/// Sees in a series of snapshots what an operator should know; a pure value.
///
/// Each state is told once when it begins and once when it ends.
struct EventDetector {
  /// Seconds that a foreign lock or a job holds up before it is told.
  static let holdUpSeconds = 1.0
  /// Pages that a checkpoint leaves before it is told: as many as the log holds between two.
  static let heldBackPages = 1000
  /// Snapshots in which it is looked for who holds a checkpoint back.
  static let looksMax = 5
  /// Snapshots in a row in which a lane grew.
  static let growths = 10
  /// Jobs that wait in it then.
  static let growthJobs = 100

  private struct Watched {
    var isPaused = false
    var pausedSince: Timestamp?
    var lockSince: MonotonicTime?
    var heldUpBy: String?
    var isHeldBack = false
    /// Snapshots in which it was, and nobody was seen who does it.
    var heldBackLooks = 0
    var lanes = Priority.allCases.map { _ in Lane() }
  }

  private struct Lane {
    var waiting = 0
    var growths = 0
    var isTold = false
  }

  private var watched: [String: Watched] = [:]
  private var phase = WorkerSnapshot.Phase.running

  mutating func events(in snapshot: WorkerSnapshot) -> [MonitorEvent] {
    var events: [MonitorEvent] = []
    if snapshot.incoming.phase != phase {
      phase = snapshot.incoming.phase
      let count = snapshot.unfinished
      switch phase {
      case .running: break
      case .stopping:
        events.append(
          MonitorEvent(
            kind: .workerStopping, at: snapshot.at, text: "the worker takes no more jobs",
            count: count))
      case .stopped:
        events.append(
          MonitorEvent(
            kind: .workerStopped, at: snapshot.at,
            text: count == 0 ? "the worker has stopped" : "the worker has stopped; jobs are left",
            count: count))
      }
    }
    for database in snapshot.databases {
      var state = watched[database.engine.name] ?? Watched()
      events += Self.changes(of: database.engine, at: snapshot.at, &state)
      watched[database.engine.name] = state
    }
    return events
  }

  private static func changes(
    of engine: EngineSnapshot, at: Timestamp, _ state: inout Watched
  ) -> [MonitorEvent] {
    var events: [MonitorEvent] = []
    func tell(_ kind: MonitorEvent.Kind, _ text: String, _ change: (inout MonitorEvent) -> Void) {
      var event = MonitorEvent(kind: kind, at: at, database: engine.name, text: text)
      change(&event)
      events.append(event)
    }
    pause(engine, at, &state, tell)
    holdUps(engine, &state, tell)
    checkpoint(engine, &state, tell)
    for lane in engine.lanes { growth(lane, &state, tell) }
    for statement in engine.monitor?.unusual ?? [] {
      let times = Int(statement.seconds / statement.usualSeconds)
      let text = "a statement took \(times) times its median"
      tell(.statementUnusual, text) { event in
        event.at = statement.at
        event.seconds = statement.seconds
        event.fingerprint = statement.fingerprint
      }
    }
    return events
  }

  private typealias Tell = (MonitorEvent.Kind, String, (inout MonitorEvent) -> Void) -> Void

  private static func pause(
    _ engine: EngineSnapshot, _ at: Timestamp, _ state: inout Watched, _ tell: Tell
  ) {
    let reason = engine.writer.pausedBecause
    if let reason, !state.isPaused {
      tell(engine.writer.isSetAside ? .databaseSetAside : .writerPaused, reason) { _ in }
      state.pausedSince = engine.writer.pausedSince
    } else if reason == nil, state.isPaused {
      let since = state.pausedSince
      tell(.writerResumed, "the writer goes on") { event in
        event.seconds = since.map { at.seconds(since: $0) }
      }
    }
    state.isPaused = reason != nil
  }

  private static func holdUps(_ engine: EngineSnapshot, _ state: inout Watched, _ tell: Tell) {
    let lock = engine.holdUps.first { $0.kind == .lock }
    if let lock, lock.seconds >= holdUpSeconds, state.lockSince == nil {
      tell(.lockHeld, lock.text) { $0.seconds = lock.seconds }
      state.lockSince = engine.taken.advanced(bySeconds: -lock.seconds)
    } else if lock == nil, let since = state.lockSince {
      tell(.lockReleased, "the write lock was let go") {
        $0.seconds = engine.taken.seconds(since: since)
      }
      state.lockSince = nil
    }
    let job = engine.holdUps.first { $0.kind == .job && $0.seconds >= holdUpSeconds }
    if let job, state.heldUpBy != job.text {
      tell(.jobHoldsUp, job.text) { $0.seconds = job.seconds }
    }
    state.heldUpBy = job?.text
  }

  private static func checkpoint(_ engine: EngineSnapshot, _ state: inout Watched, _ tell: Tell) {
    let pages = engine.writer.heldBackPages
    if pages >= heldBackPages, !state.isHeldBack {
      let own = engine.running.first { !$0.isWrite }.map { "the job \($0.name)" }
      let foreign = engine.foreignReaders.map { "\($0)" }
      let readers = [own].compactMap { $0 } + foreign
      // The system's list of locks may miss one while it changes.
      state.heldBackLooks += 1
      if readers.isEmpty, state.heldBackLooks < looksMax { return }
      let reader =
        readers.isEmpty ? "a reader that is not to be seen" : readers.joined(separator: " or ")
      tell(.checkpointHeldBack, "\(reader) keeps the log from being emptied") { $0.count = pages }
      state.isHeldBack = true
    } else if pages == 0, state.isHeldBack || state.heldBackLooks > 0 {
      state.heldBackLooks = 0
      guard state.isHeldBack else { return }
      tell(.checkpointCaughtUp, "the log was emptied") { _ in }
      state.isHeldBack = false
    }
  }

  private static func growth(
    _ lane: EngineSnapshot.Lane, _ state: inout Watched, _ tell: Tell
  ) {
    let index = Int(lane.priority.rawValue)
    var seen = state.lanes[index]
    seen.growths = lane.waiting > seen.waiting ? seen.growths + 1 : 0
    seen.waiting = lane.waiting
    if seen.growths >= growths, lane.waiting >= growthJobs, !seen.isTold {
      tell(.laneGrows, "more jobs arrive in \(lane.priority.name) than are done") { event in
        event.lane = lane.priority
        event.count = lane.waiting
      }
      seen.isTold = true
    } else if lane.waiting == 0, seen.isTold {
      tell(.laneDrained, "no job waits in \(lane.priority.name)") { $0.lane = lane.priority }
      seen.isTold = false
    }
    state.lanes[index] = seen
  }
}
