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
  /// Where its thread writes a result before it has its name.
  private static let scratch = ".publishing.tmp"
  /// Syncs that are tried before an end that is not clean.
  private static let lastSyncsMax = 3

  private struct State: Sendable {
    var queue = OutcomeQueue()
    var isHoldingBack = false
    var isClosed = false
    /// What the settler was given last may not be durable.
    var hasLost = false
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
  private let passing = Monitor(())
  /// Whether an earlier job may have left rows in a file of their own: most spools have none, and a
  /// result need not look for them.
  private let mayHaveRows: Atomic<Bool>

  init(
    _ results: ResultWriter, batches: BatchPublication, active: ActiveJobs, settler: Settler,
    engines: EngineTable, counts: OutcomeCounts, mayHaveRows: Bool, log: WorkerLog
  ) {
    self.mayHaveRows = Atomic(mayHaveRows)
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

  /// The settler's word that what it was given last may not be durable.
  func settlingFailed() {
    state.withLock { $0.hasLost = true }
    state.broadcast(Self.something)
  }

  private enum Next {
    case item(OutcomeQueue.Item)
    case lost
    case end
  }

  private func next(until deadline: MonotonicTime?) -> Next? {
    var letsGo = false
    let next = state.wait(for: Self.something, until: deadline) { state -> Next? in
      if state.hasLost { return .lost }
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
    let unsettled = UnsettledResults(settler.begin())
    while true {
      let deadline =
        unsettled.isEmpty ? nil : max(unsettled.deadline, .now().advanced(bySeconds: 0.01))
      switch next(until: deadline) {
      case .item(let item): publish(item.outcome, database: item.database, unsettled)
      case .lost: writeAgain(unsettled)
      case .end: return end(unsettled)
      case nil: break
      }
      // Once the settler is free, it has said whether it failed.
      guard unsettled.isDue(at: .now()), settler.isFree, !state.withLock({ $0.hasLost }) else {
        continue
      }
      settler.settle(handOver(unsettled))
    }
  }

  private func handOver(_ unsettled: UnsettledResults) -> Settlement {
    unsettled.handOver(next: settler.begin()) { database in
      state.withLock { $0.queue.lowestKey(of: database) }
    }
  }

  /// Settles what is left on this thread.
  private func end(_ unsettled: UnsettledResults) {
    defer { settler.close() }
    settler.waitUntilFree()
    if state.withLock({ $0.hasLost }) {
      if !writeAgain(unsettled) { return }
    } else {
      unsettled.handedOverIsSettled()
    }
    var patience = Patience()
    for attempt in 1...Self.lastSyncsMax where !unsettled.isEmpty {
      if settler.settleNow(handOver(unsettled)) { return }
      if attempt == Self.lastSyncsMax { return }
      patience.rest()
      if !writeAgain(unsettled) { return }
    }
  }

  /// After a failed sync: whatever may be lost is written again, or runs again where the ledger has
  /// nothing to write it from.
  /// - Returns: false where the worker ends before that was possible.
  @discardableResult
  private func writeAgain(_ unsettled: UnsettledResults) -> Bool {
    state.withLock { $0.hasLost = false }
    var rewriting = ResultRewriting(results, batches, engines)
    var reads: [ClaimedName] = []
    for (result, standing) in unsettled.takeLost(next: settler.begin()) {
      let isDone = persist { () throws(FileError) in
        switch standing {
        case .row(let row):
          if try rewriting.write(row) { unsettled.add(row) }
        case .read(let name):
          guard try results.stands(result) else { return try results.remove(name) }
          reads.append(name)
          unsettled.runsAgain(name)
        }
      }
      if !isDone { return false }
    }
    active.handBack(reads)
    return true
  }

  /// Does it until it works.
  /// - Returns: false where the worker is to end before that.
  private func persist(_ body: () throws(FileError) -> Void) -> Bool {
    var patience = Patience()
    while true {
      do throws(FileError) {
        try body()
        if patience.isTried { log.say("results are written again") }
        return true
      } catch {
        if !patience.isTried {
          log.say("cannot publish results: \(error); trying again until it works")
        }
        patience.rest()
        if patience.isSpent, state.withLock({ $0.isClosed }) { return false }
      }
    }
  }

  private func publish(_ outcome: Outcome, database: String, _ unsettled: UnsettledResults) {
    guard let name = active.name(of: outcome.ticket) else { return }
    if !unsettled.isOvertaken(name) {
      // Where it does not work, the job is not lost: it has its ledger row or its file in active/.
      let isDone = persist { () throws(FileError) in
        try publish(outcome, name, database: database, unsettled)
      }
      if !isDone { return }
      counts.count(outcome)
    }
    active.remove(outcome.ticket.sequence, outcome.status)
  }

  /// Puts an import that ended part-way into `failed/`, to go on from there; before its result.
  /// - Returns: false for any other job.
  private func leaveOver(_ outcome: Outcome, _ name: ClaimedName) throws(FileError) -> Bool {
    guard outcome.status != .done, outcome.ticket.job.importRequest != nil,
      let line = ImportJobText.nextLine(afterResult: outcome.result)
    else { return false }
    return try results.leaveOver(name, fromLine: line)
  }

  /// The rows go first: whoever sees the result finds them.
  private func publishResult(_ outcome: Outcome, _ result: String) throws(FileError) {
    switch outcome.streamed {
    case .result(let sink): try Self.file(sink).publish()
    case .rows(let sink):
      mayHaveRows.store(true, ordering: .relaxed)
      try Self.file(sink).publish()
      try results.publish(result, outcome.result, through: Self.scratch)
    case nil: try results.publish(result, outcome.result, through: Self.scratch)
    }
  }

  private static func file(_ sink: any RowSink) -> StreamedFile {
    guard let file = sink as? StreamedFile else {
      preconditionFailure("a sink that is no file of this spool")
    }
    return file
  }

  private func publish(
    _ outcome: Outcome, _ name: ClaimedName, database: String, _ batch: UnsettledResults
  ) throws(FileError) {
    // How the job's file goes to `failed/`: itself, unless what is left of it is there already.
    var leaving = BatchPublication.Leaving.move
    for step in Self.plan(outcome, name).steps {
      try perform(step, outcome, name, database: database, batch, &leaving)
    }
    guard name.job.kind == .json, mayHaveRows.load(ordering: .relaxed) else { return }
    try results.withdrawRows(of: name.job, but: outcome.rowFormat)
  }

  private static func plan(_ outcome: Outcome, _ name: ClaimedName) -> PublicationPlan {
    let isBatch = name.job.kind == .jsonl
    switch outcome.durability {
    case .ledger: return .recorded(done: outcome.status == .done, isBatch: isBatch)
    case .resultFile:
      guard outcome.status == .done else { return .unrecorded(isBatch: isBatch) }
      if case .control = outcome.ticket.job.body { return .command }
      return .read
    }
  }

  private func perform(
    _ step: PublicationPlan.Step, _ outcome: Outcome, _ name: ClaimedName, database: String,
    _ batch: UnsettledResults, _ leaving: inout BatchPublication.Leaving
  ) throws(FileError) {
    let result = name.job.result
    let isBatch = name.job.kind == .jsonl
    switch step {
    case .giveWay:
      try batch.giveWay(to: name) { (older) throws(FileError) in try results.remove(older) }
    case .publishLines:
      let engine = engine(database)
      try batches.publishLines(of: name.job, sequence: name.sequence, engine)
    case .withdrawLines: try results.withdraw(name.job.text)
    case .leaveOver:
      if isBatch {
        leaving = try batches.leaveOver(name, engine(database))
      } else if try leaveOver(outcome, name) {
        leaving = .remove
      }
    case .publish: try publishResult(outcome, result)
    case .publishDurably: try results.publishDurably(result, outcome.result)
    case .owe:
      switch outcome.durability {
      case .ledger(let key):
        let sequence = isBatch ? name.sequence : nil
        batch.add(key: key, database: database, result: result, batch: sequence)
      case .resultFile: batch.add(read: name)
      }
    case .remove: try results.remove(name)
    case .putAway: try batches.takeAway(name, leaving)
    }
  }

  private func engine(_ database: String) -> Engine {
    guard let engine = engines[database] else {
      preconditionFailure("an outcome of \(database), which is not served")
    }
    return engine
  }
}

extension Outcome {
  /// Of the file with its rows; nil where it has none.
  fileprivate var rowFormat: ResultFormat? {
    guard case .rows = streamed else { return nil }
    return ticket.job.result.format
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
