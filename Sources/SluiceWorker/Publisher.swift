import Glibc
import Sluice
import Spool
import Synchronization

/// Turns outcomes into files, in the order they came but for urgent ones, which go first: the result
/// first, then the job's own file is put away. One thread.
///
/// While it is behind, the writers begin urgent jobs only: an urgent result would otherwise wait
/// behind as many others as the queue holds.
final class Publisher: Sendable {
  /// Outcomes in hand at which the writers are held back, some 10 ms of work, and let go again.
  private static let holdBackAt = 256
  private static let letGoAt = 128
  /// Outcomes in hand at which whoever brings more has to wait, whatever they are.
  private static let queueMax = 4096

  private struct State: Sendable {
    var queue = OutcomeQueue()
    var isHoldingBack = false
    var isClosed = false
  }

  /// Conditions: there is something to publish; there is room.
  private static var something: Int { 0 }
  private static var room: Int { 1 }

  private let results: ResultWriter
  private let active: ActiveJobs
  private let batches: BatchPublication
  private let settler: Settler
  private let engines: EngineTable
  private let log: WorkerLog
  private let counts: OutcomeCounts
  private let state = Monitor(State(), conditions: 2)
  private let passing = Mutex(())

  init(
    _ results: ResultWriter, batches: BatchPublication, active: ActiveJobs, settler: Settler,
    engines: EngineTable, counts: OutcomeCounts, log: WorkerLog
  ) {
    self.results = results
    self.batches = batches
    self.active = active
    self.settler = settler
    self.engines = engines
    self.counts = counts
    self.log = log
  }

  /// Blocks while the publisher is far behind.
  func add(_ outcomes: [Outcome], database: String) {
    if outcomes.isEmpty { return }
    let holdsBack = state.wait(for: Self.room) { state -> Bool? in
      guard state.queue.count < Self.queueMax || state.isClosed else { return nil }
      state.queue.add(outcomes, database: database)
      let holdsBack = !state.isHoldingBack && state.queue.count >= Self.holdBackAt
      if holdsBack { state.isHoldingBack = true }
      return holdsBack
    }
    state.signal(Self.something)
    if holdsBack == true { passHoldOn() }
  }

  /// Tells the engines what holds at this moment. One caller at a time, each reading the state
  /// anew: a late "hold back" must not be the last word after "let go".
  private func passHoldOn() {
    passing.withLock { _ in
      let isHoldingBack = state.withLock { $0.isHoldingBack }
      for engine in engines.all { engine.holdBack(isHoldingBack) }
    }
  }

  /// Outcomes whose results are still to be written.
  var backlog: Int { state.withLock { $0.queue.count } }

  /// No more comes; `run` returns once all is published.
  func close() {
    state.withLock { $0.isClosed = true }
    state.broadcast(Self.something)
  }

  private enum Next {
    case item(OutcomeQueue.Item)
    case end
  }

  private func next(until deadline: MonotonicTime?) -> Next? {
    var letsGo = false
    let next = state.wait(for: Self.something, until: deadline) { state -> Next? in
      guard let item = state.queue.next() else { return state.isClosed ? .end : nil }
      if state.isHoldingBack, state.queue.count <= Self.letGoAt {
        state.isHoldingBack = false
        letsGo = true
      }
      return .item(item)
    }
    if letsGo {
      passHoldOn()
      state.broadcast(Self.room)
    }
    return next
  }

  /// The thread's body.
  func run() {
    var batch = settler.begin()
    /// Reads of the batch before, which the settler has not finished yet perhaps.
    var handedOver: [String: ClaimedName] = [:]
    var highest: [String: Int64] = [:]
    while true {
      let deadline =
        batch.isEmpty ? nil : max(batch.deadline, .now().advanced(bySeconds: 0.01))
      switch next(until: deadline) {
      case .item(let item):
        publish(item.outcome, database: item.database, batch, handedOver)
        if case .ledger(let key) = item.outcome.durability {
          highest[item.database] = max(highest[item.database] ?? key, key)
        }
      case .end:
        batch.limitKeys(highest: highest) { _ in nil }
        return settler.finish(batch)
      case nil: break
      }
      guard batch.isDue(at: .now()) else { continue }
      // Before it is handed over, when it is the settler's.
      let reads = batch.reads
      batch.limitKeys(highest: highest) { database in
        state.withLock { $0.queue.lowestKey(of: database) }
      }
      if settler.settle(batch) {
        handedOver = reads
        batch = settler.begin()
      }
    }
  }

  private func publish(
    _ outcome: Outcome, database: String, _ batch: UnsettledBatch,
    _ handedOver: [String: ClaimedName]
  ) {
    guard let name = active.name(of: outcome.ticket) else { return }
    var patience = Patience()
    while true {
      do throws(FileError) {
        try publish(outcome, name, database: database, batch, handedOver)
        if patience.isTried { log.say("results are written again") }
        break
      } catch {
        // Whatever it is, the job is not lost: it has its ledger row or its file in active/.
        if !patience.isTried {
          log.say("cannot publish results: \(error); trying again until it works")
        }
        patience.rest()
        if patience.isSpent, state.withLock({ $0.isClosed }) { return }
      }
    }
    counts.count(outcome)
    active.remove(outcome.ticket.sequence, outcome.status)
  }

  private func putAway(_ outcome: Outcome, _ name: ClaimedName) throws(FileError) {
    guard outcome.ticket.job.importRequest != nil,
      let line = ImportJobText.nextLine(afterResult: outcome.result)
    else { return try results.moveToFailed(name) }
    try results.moveToFailed(name, fromLine: line)
  }

  /// The rows go first: whoever sees the result finds them.
  private func publishRead(_ outcome: Outcome, _ result: String) throws(FileError) {
    switch outcome.streamed {
    case .result(let sink): try Self.file(sink).publish()
    case .rows(let sink):
      try Self.file(sink).publish()
      try results.publish(result, outcome.result)
    case nil: try results.publish(result, outcome.result)
    }
  }

  private static func file(_ sink: any RowSink) -> StreamedFile {
    guard let file = sink as? StreamedFile else {
      preconditionFailure("a sink that is no file of this spool")
    }
    return file
  }

  private func publish(
    _ outcome: Outcome, _ name: ClaimedName, database: String, _ batch: UnsettledBatch,
    _ handedOver: [String: ClaimedName]
  ) throws(FileError) {
    let result = name.job.result
    if let older = batch.superseded(by: result) ?? handedOver[result] {
      try results.remove(older)
    }
    switch outcome.durability {
    case .ledger(let key) where name.job.kind == .jsonl:
      guard let engine = engines[database] else { return }
      try batches.publishLines(of: name.job, sequence: name.sequence, engine)
      try results.publish(result, outcome.result)
      batch.add(key: key, database: database, result: result, batch: name.sequence)
      if outcome.status == .done {
        try results.remove(name)
      } else {
        try batches.putAway(name, engine)
      }
    case .ledger(let key):
      try results.publish(result, outcome.result)
      batch.add(key: key, database: database, result: result)
      if outcome.status == .done {
        try results.remove(name)
      } else {
        try putAway(outcome, name)
      }
    case .resultFile:
      if outcome.status == .done, case .control = outcome.ticket.job.body {
        // A command is not given a second time because the machine lost its result.
        try results.publishDurably(result, outcome.result)
        try results.remove(name)
      } else if outcome.status == .done {
        try publishRead(outcome, result)
        batch.add(read: name)
      } else {
        // Nothing but this file says what became of the job once it is in failed/.
        if name.job.kind == .jsonl { try results.withdraw(name.job.text) }
        try results.publishDurably(result, outcome.result)
        try results.moveToFailed(name)
      }
    }
  }
}

/// Rests that grow to two seconds, for what must be tried until it works.
struct Patience {
  private var tries = 0

  var isTried: Bool { tries > 0 }
  /// Some ten seconds have passed.
  var isSpent: Bool { tries > 10 }

  /// On a thread of the worker's own only.
  mutating func rest() {
    usleep(UInt32(min(2_000_000, 20_000 << min(tries, 7))))
    tries += 1
  }
}
