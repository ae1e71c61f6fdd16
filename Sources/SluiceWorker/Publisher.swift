import Glibc
import Sluice
import Spool

/// Turns outcomes into files, in the order they came: the result first, then the job's own file is
/// put away. One thread.
///
/// Holds the engine back (its `deliver` blocks) while it is behind.
final class Publisher: Sendable {
  /// Batches of outcomes in hand: enough to keep the thread busy while the writer commits, few
  /// enough that an urgent result does not wait behind many.
  private static let queueMax = 4

  private struct Batch: Sendable {
    var database: String
    var outcomes: [Outcome]
  }

  private let results: ResultWriter
  private let active: ActiveJobs
  private let settler: Settler
  private let log: WorkerLog
  private let counts: OutcomeCounts
  private let queue = BoundedQueue<Batch>(capacity: Publisher.queueMax)

  init(
    _ results: ResultWriter, active: ActiveJobs, settler: Settler, counts: OutcomeCounts,
    log: WorkerLog
  ) {
    self.results = results
    self.active = active
    self.settler = settler
    self.counts = counts
    self.log = log
  }

  /// Blocks while the publisher is behind.
  func add(_ outcomes: [Outcome], database: String) {
    if outcomes.isEmpty { return }
    queue.push(Batch(database: database, outcomes: outcomes))
  }

  /// No more comes; `run` returns once all is published.
  func close() { queue.close() }

  /// The thread's body.
  func run() {
    var batch = settler.begin()
    /// Reads of the batch before, which the settler has not finished yet perhaps.
    var handedOver: [String: ClaimedName] = [:]
    while true {
      let deadline = batch.isEmpty ? nil : max(batch.deadline, .now().advanced(bySeconds: 0.01))
      if let next = queue.pop(until: deadline) {
        for outcome in next.outcomes {
          publish(outcome, database: next.database, batch, handedOver)
        }
      } else if queue.isClosed, queue.count == 0 {
        settler.finish(batch)
        return
      }
      if batch.isDue(at: .now()) {
        // Read before it is handed over, when it is the settler's.
        let reads = batch.reads
        if settler.settle(batch) {
          handedOver = reads
          batch = settler.begin()
        }
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
        if queue.isClosed, patience.isSpent { return }
      }
    }
    counts.count(outcome.status)
    active.remove(outcome.ticket.sequence)
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
    case .ledger(let key):
      try results.publish(result, outcome.result)
      batch.add(key: key, database: database, result: result)
      if outcome.status == .done {
        try results.remove(name)
      } else {
        try results.moveToFailed(name)
      }
    case .resultFile:
      if outcome.status == .done {
        try publishRead(outcome, result)
        batch.add(read: name)
      } else {
        // Nothing but this file says what became of the job once it is in failed/.
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
