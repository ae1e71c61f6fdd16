import Glibc
import JSON
import Sluice
import Spool

/// Writes the monitor files, each whole by a rename, when the loop says so.
///
/// The loop gives the beat, so that a loop that hangs is a heart that stands still; the work is done
/// on a thread of its own, since a look may have to wait for a lock or a disk. Nothing waits for it.
final class MetricsWriter: Sendable {
  struct Settings: Sendable {
    var isEnabled = true
    /// Seconds; see `MonitorClock`.
    var interval = 1.0
    var heartbeat = 15.0
  }

  /// What the files are made from.
  struct Sources: Sendable {
    var layout: SpoolLayout
    var engines: EngineTable
    var active: ActiveJobs
    var counts: OutcomeCounts
    /// Results that wait to be written.
    var unpublished: @Sendable () -> Int
  }

  private struct State: Sendable {
    var incoming: WorkerSnapshot.Incoming?
    var events: [MonitorEvent] = []
    var isClosed = false
  }

  private let settings: Settings
  private let sources: Sources
  private let log: WorkerLog
  private let state = Monitor(State())

  init(_ settings: Settings, _ sources: Sources, log: WorkerLog) {
    self.settings = settings
    self.sources = sources
    self.log = log
  }

  /// Asks for a new version of all files. Does not block; one that is not begun yet is enough.
  func write(_ incoming: WorkerSnapshot.Incoming) {
    state.withLock { $0.incoming = incoming }
    state.signal()
  }

  /// Notes an event for the next version.
  func tell(_ event: MonitorEvent) {
    guard settings.isEnabled else { return }
    state.withLock { $0.events.append(event) }
  }

  /// Writes the last version; `run` returns then.
  func close(_ incoming: WorkerSnapshot.Incoming) {
    state.withLock { state in
      state.incoming = incoming
      state.isClosed = true
    }
    state.signal()
  }

  /// The thread's body.
  func run() {
    var round = MonitorRound(settings, sources)
    var isFailing = false
    while true {
      let (incoming, events, isClosed) =
        state.wait { state -> (WorkerSnapshot.Incoming, [MonitorEvent], Bool)? in
          guard let incoming = state.incoming else { return nil }
          defer {
            state.incoming = nil
            state.events.removeAll()
          }
          return (incoming, state.events, state.isClosed)
        } ?? (WorkerSnapshot.Incoming(), [], true)
      do throws(FileError) {
        try round.run(incoming, events)
        if isFailing { log.say("the monitor files are written again") }
        isFailing = false
      } catch {
        if !isFailing { log.say("cannot write the monitor files: \(error)") }
        isFailing = true
      }
      if isClosed { return }
    }
  }
}
