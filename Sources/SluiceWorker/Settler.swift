import Sluice
import Spool

/// Makes published results durable batch by batch, away from everything that waits for them; then
/// says so in the ledger and removes what was kept for the case of a power failure.
///
/// One thread of its own, since a sync of the file system may take long. It has one batch at a time,
/// so that whoever gave it knows what a failure is about.
final class Settler: Sendable {
  private struct State: Sendable {
    var waiting: Settlement?
    var isBusy = false
    var isClosed = false

    var isFree: Bool { waiting == nil && !isBusy }
  }

  /// Conditions: there is something to settle; there is nothing.
  private static var something: Int { 0 }
  private static var nothing: Int { 1 }

  private let results: ResultWriter
  private let layout: SpoolLayout
  private let engines: EngineTable
  private let log: WorkerLog
  private let state = Monitor(State(), conditions: 2)
  private let doubt = Monitor(false)

  init(_ results: ResultWriter, _ layout: SpoolLayout, engines: EngineTable, log: WorkerLog) {
    self.results = results
    self.layout = layout
    self.engines = engines
    self.log = log
  }

  /// Opens what a batch is settled with; before the first of its results is written.
  func begin() -> SettleHandle {
    do throws(FileError) {
      return SettleHandle(try results.beginSettling())
    } catch {
      log.say("cannot open results/ to make it durable: \(error)")
      return SettleHandle(nil)
    }
  }

  /// Whether it would take a batch.
  var isFree: Bool { state.withLock { $0.isFree } }

  func waitUntilFree() { state.wait(for: Self.nothing) { $0.isFree ? () : nil } }

  /// Hands a batch over, when it is free.
  func settle(_ batch: Settlement) {
    state.withLock { state in
      precondition(state.isFree, "the settler has a batch")
      state.waiting = batch
    }
    state.signal(Self.something)
  }

  /// No more comes; `run` returns.
  func close() {
    state.withLock { $0.isClosed = true }
    state.signal(Self.something)
  }

  /// Whether results that were published may be lost although the machine runs on.
  var isInDoubt: Bool { doubt.withLock { $0 } }

  /// The thread's body.
  /// - Parameter onFailure: told that the batch that was handed over last may not be durable, before
  ///   another one can be.
  func run(onFailure: () -> Void) {
    var patience = Patience()
    while let batch = next() {
      if settleNow(batch) {
        patience = Patience()
      } else {
        patience.rest()
        onFailure()
      }
      state.withLock { $0.isBusy = false }
      state.broadcast(Self.nothing)
    }
  }

  private enum Next {
    case batch(Settlement)
    case end
  }

  private func next() -> Settlement? {
    let next = state.wait(for: Self.something) { state -> Next? in
      guard let batch = state.waiting else { return state.isClosed ? .end : nil }
      state.waiting = nil
      state.isBusy = true
      return .batch(batch)
    }
    guard case .batch(let batch) = next else { return nil }
    return batch
  }

  /// Settles on the calling thread.
  /// - Returns: whether the results are durable.
  func settleNow(_ batch: Settlement) -> Bool {
    for step in SettlementStep.allCases {
      switch step {
      case .sync: if !sync(batch) { return false }
      case .rows: for (database, key) in batch.keys { engines[database]?.settle(through: key) }
      case .readFiles: remove(batch.reads)
      }
    }
    return true
  }

  private func sync(_ batch: Settlement) -> Bool {
    do throws(FileError) {
      guard batch.sync.batch != nil else { return false }
      try batch.sync.batch?.settle()
    } catch {
      log.say("results may not be durable: \(error); they are written again")
      note(doubt: true)
      return false
    }
    note(doubt: false)
    Seam.reached(.settled)
    return true
  }

  private func remove(_ reads: [ClaimedName]) {
    for name in reads {
      do throws(FileError) {
        try results.remove(name)
      } catch {
        log.say("cannot remove a finished job's file: \(error)")
      }
    }
  }

  /// A worker that is killed now must not have its results taken for good: what can be read of them
  /// is the page cache.
  private func note(doubt isDoubtful: Bool) {
    let changes = doubt.withLock { doubt in
      defer { doubt = isDoubtful }
      return doubt != isDoubtful
    }
    if !changes { return }
    do throws(FileError) {
      try SpoolLock.note(isDoubtful: isDoubtful, in: layout)
    } catch {
      log.say("cannot note whether results are durable: \(error)")
    }
  }
}

/// The engines of the databases that are served, by name; the same for all threads from the start.
final class EngineTable: Sendable {
  private let engines = Monitor<[String: Engine]>([:])

  subscript(name: String) -> Engine? { engines.withLock { $0[name] } }

  func add(_ engine: Engine) { engines.withLock { $0[engine.configuration.name] = engine } }

  var all: [Engine] { engines.withLock { Array($0.values) } }
}
