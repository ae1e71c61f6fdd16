import Sluice
import Spool

/// The loop's side of the monitor files: says when they are written, and hands over what only the
/// loop knows.
///
/// Belongs to the loop's thread.
final class WorkerMonitor {
  private let sources: MetricsWriter.Sources
  private let writer: MetricsWriter
  private let thread: OwnedThread
  private var clock: MonitorClock
  private var told = 0

  /// Starts the thread that writes them.
  init(
    _ settings: MetricsWriter.Settings, _ sources: MetricsWriter.Sources, log: WorkerLog
  ) throws(ThreadError) {
    self.sources = sources
    let writer = MetricsWriter(settings, sources, log: log)
    self.writer = writer
    clock = MonitorClock(interval: settings.interval, heartbeat: settings.heartbeat)
    thread = try OwnedThread(name: "monitor") { writer.run() }
  }

  /// The worker has begun.
  /// - Parameter again: jobs that the worker before had claimed.
  func started(after end: PreviousEnd, again: Int) {
    writer.tell(.workerStarted(after: end, again: again))
  }

  /// Goes by changed settings from now on; what is monitored stays as it was at the start.
  func adopt(_ settings: MetricsWriter.Settings) {
    clock.follow(interval: settings.interval, heartbeat: settings.heartbeat)
  }

  /// Notes an event, which is written soon.
  func tell(_ event: MonitorEvent) {
    told += 1
    writer.tell(event)
  }

  /// Has the files written where that is due.
  /// - Returns: when to ask again.
  func beat(
    _ now: MonotonicTime, _ scanners: [SpoolScanner], _ room: WaitingRoom,
    _ late: LateDatabases, isStopping: Bool
  ) -> MonotonicTime {
    while true {
      let unfinished = sources.active.count
      // One more for each job claimed, for each that ended, and for each event; another number where
      // something was found in incoming/ that stays there, or a checkpoint was held back.
      let left = scanners.reduce(0) { $0 &+ $1.directories &+ $1.refusedCount }
      let engines = sources.engines.all
      let heldBack = engines.count { $0.writerStatus.snapshot.heldBackPages > 0 }
      let activity =
        sources.counts.total &* 2 &+ unfinished &+ told &+ (left &+ heldBack) &<< 32
      // Jobs that wait for tomorrow are nothing new.
      let isWorking = engines.contains { $0.isBusy }
      let isBusy = isWorking || isStopping || heldBack > 0
      if let due = clock.next(now, activity: activity, isBusy: isBusy) { return due }
      writer.write(incoming(scanners, room, late, isStopping ? .stopping : .running))
    }
  }

  /// Writes the last version and ends the thread; once no job can end any more.
  func stop(_ scanners: [SpoolScanner], _ room: WaitingRoom, _ late: LateDatabases) {
    writer.close(incoming(scanners, room, late, .stopped))
    thread.join()
  }

  private func incoming(
    _ scanners: [SpoolScanner], _ room: WaitingRoom, _ late: LateDatabases,
    _ phase: WorkerSnapshot.Phase
  ) -> WorkerSnapshot.Incoming {
    WorkerSnapshot.Incoming(
      lanes: scanners.map {
        .init(
          lane: $0.lane, backlog: $0.backlog, resting: $0.waitingCount, refused: $0.refusedCount,
          directories: $0.directories)
      }, held: room.count, pauses: room.pauses, lateDatabases: late.names,
      heartbeat: clock.heartbeat,
      phase: phase)
  }
}

extension MonitorEvent {
  fileprivate static func workerStarted(after end: PreviousEnd, again: Int) -> MonitorEvent {
    let before =
      switch end {
      case .first: "for the first time"
      case .clean: "after an orderly end"
      case .killed: "after the worker before was killed or crashed"
      case .doubtful: "after results of the worker before may have been lost"
      case .rebooted: "after the machine went down under the worker before"
      }
    var event = MonitorEvent(
      kind: .workerStarted, at: .now(), text: "the worker has started \(before)")
    event.count = again
    return event
  }
}
