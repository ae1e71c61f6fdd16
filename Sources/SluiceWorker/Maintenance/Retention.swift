import Sluice
import Spool

/// Removes results and forgets outcomes whose time is over, on a thread of its own: a minute after
/// the start, hourly, and when asked.
///
/// Any method but `run` may be called from any thread.
final class Retention: Sendable {
  struct Periods: Sendable {
    /// Seconds; 0 for ever.
    var results: Double
    /// Seconds.
    var ledger: Double
  }

  /// What a round has done.
  struct End: Sendable {
    var started: Timestamp
    var seconds: Double
    var results = 0
    /// Why it was cut short.
    var problem: String?
  }

  private struct State: Sendable {
    var periods: Periods
    var asked: [(database: String, then: @Sendable (End) -> Void)] = []
    var isClosed = false
  }

  private enum Work {
    case hourly
    case asked(String, @Sendable (End) -> Void)
    case end
  }

  private static let firstAfter = 60.0
  private static let interval = 3600.0
  /// Directory entries in a slice, some 2 ms, and the rest after it in seconds.
  private static let slice = 500
  private static let rest = 0.01
  /// Ledger rows in a transaction, some 3 ms, and seconds for which a step waits for an idle writer.
  /// Then it takes its turn all the same: a writer without a pause must not outgrow its disk.
  private static let rowsPerStep = 1000
  private static let patience = 0.1

  private let layout: SpoolLayout
  private let engines: EngineTable
  private let log: WorkerLog
  private let state: Monitor<State>

  init(_ layout: SpoolLayout, engines: EngineTable, periods: Periods, log: WorkerLog) {
    self.layout = layout
    self.engines = engines
    self.log = log
    state = Monitor(State(periods: periods))
  }

  /// Goes by other periods from the next round on.
  func keep(_ periods: Periods) { state.withLock { $0.periods = periods } }

  /// Has a round done for the results and for one database.
  /// - Parameter then: called on the thread; not at all where the worker ends before.
  func ask(database: String, then: @escaping @Sendable (End) -> Void) {
    state.withLock { $0.asked.append((database, then)) }
    state.signal()
  }

  /// Ends the thread soon; the engines are stopped before, for it may wait for one.
  func close() {
    state.withLock { $0.isClosed = true }
    state.broadcast()
  }

  /// The thread's body.
  func run() {
    var next = MonotonicTime.now().advanced(bySeconds: Self.firstAfter)
    while true {
      switch wait(until: next) {
      case .end: return
      case .asked(let database, let then):
        let end = round(engines[database].map { [$0] } ?? [])
        if !isClosed { then(end) }
      case .hourly:
        let end = round(engines.all)
        if let problem = end.problem, !isClosed { log.say("cannot prune: \(problem)") }
        if end.results > 0 { log.say("removed \(end.results) results whose time was over") }
        next = .now().advanced(bySeconds: Self.interval)
      }
    }
  }

  private func wait(until time: MonotonicTime) -> Work {
    state.wait(until: time) { state -> Work? in
      if state.isClosed { return .end }
      if state.asked.isEmpty { return nil }
      let first = state.asked.removeFirst()
      return .asked(first.database, first.then)
    } ?? .hourly
  }

  private func round(_ engines: [Engine]) -> End {
    let clock = MonotonicTime.now()
    var end = End(started: .now(), seconds: 0)
    let periods = state.withLock { $0.periods }
    do throws(FileError) {
      if periods.results > 0 { end.results = try sweep(periods.results) }
    } catch {
      end.problem = "\(error)"
    }
    for engine in engines {
      do throws(JobError) {
        try forget(engine, before: .now().advanced(bySeconds: -periods.ledger))
      } catch {
        end.problem = "\(engine.configuration.name): \(error.message)"
      }
    }
    end.seconds = MonotonicTime.now().seconds(since: clock)
    return end
  }

  private func sweep(_ period: Double) throws(FileError) -> Int {
    var sweep = try RetentionSweep(layout, retention: period)
    while try sweep.step(Self.slice) {
      if rests(Self.rest, unless: { false }) { break }
    }
    return sweep.removed
  }

  /// Looks at ids without an index on their time, so that a step may read all of them, which is
  /// some milliseconds per hundred thousand; their writes are spared an index.
  private func forget(_ engine: Engine, before limit: Timestamp) throws(JobError) {
    while true {
      if rests(Self.patience, unless: { engine.load.writes == 0 }) { return }
      if try !engine.prune(before: limit, most: Self.rowsPerStep) { return }
    }
  }

  /// - Returns: whether the thread is to end.
  private func rests(_ seconds: Double, unless isFree: () -> Bool) -> Bool {
    let end = MonotonicTime.now().advanced(bySeconds: seconds)
    while !isFree(), MonotonicTime.now() < end {
      let next = min(end, MonotonicTime.now().advanced(bySeconds: Self.rest))
      if state.wait(until: next, { $0.isClosed ? true : nil }) ?? false { return true }
    }
    return isClosed
  }

  private var isClosed: Bool { state.withLock { $0.isClosed } }
}
