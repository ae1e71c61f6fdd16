import Sluice
import Spool
import Synchronization

/// Makes published results durable batch by batch, away from everything that waits for them; then
/// says so in the ledger and removes what was kept for the case of a power failure.
///
/// One thread of its own, since a sync of the file system may take long.
final class Settler: Sendable {
  private let results: ResultWriter
  private let batches: BatchPublication
  private let engines: EngineTable
  private let log: WorkerLog
  private let queue = BoundedQueue<UnsettledBatch>(capacity: 1)

  init(
    _ results: ResultWriter, _ batches: BatchPublication, engines: EngineTable, log: WorkerLog
  ) {
    self.results = results
    self.batches = batches
    self.engines = engines
    self.log = log
  }

  /// Opens a batch; before the first of its results is written.
  func begin() -> UnsettledBatch {
    do throws(FileError) {
      return UnsettledBatch(try results.beginSettling())
    } catch {
      log.say("cannot open results/ to make it durable: \(error)")
      return UnsettledBatch(nil)
    }
  }

  /// Hands a batch over.
  /// - Returns: false while the one before is still being settled: it stays the caller's.
  func settle(_ batch: UnsettledBatch) -> Bool { queue.offer(batch) != .full }

  /// Hands the last batch over, and ends.
  func finish(_ batch: UnsettledBatch) {
    if !batch.isEmpty { queue.push(batch) }
    queue.close()
  }

  /// The thread's body.
  func run() {
    var carried: UnsettledBatch?
    while let batch = queue.pop() {
      if let left = carried { batch.add(contentsOf: left) }
      carried = settleNow(batch) ? nil : batch
    }
  }

  /// - Returns: whether the results are durable.
  private func settleNow(_ batch: UnsettledBatch) -> Bool {
    do throws(FileError) {
      guard batch.sync != nil else { return false }
      try batch.sync?.settle()
    } catch {
      log.say("results may not be durable: \(error); writing them again from the ledger")
      rewrite(batch)
      return false
    }
    Seam.reached(.settled)
    for (database, key) in batch.keys { engines[database]?.settle(through: key) }
    for name in batch.reads.values {
      do throws(FileError) {
        try results.remove(name)
      } catch {
        log.say("cannot remove a finished job's file: \(error)")
      }
    }
    return true
  }

  /// After a failed sync the kernel may have dropped the pages: what stands in the files is unknown.
  /// The newest result of each name is written again; the batch after this one settles it.
  private func rewrite(_ batch: UnsettledBatch) {
    var newest: [String: UnsettledBatch.Row] = [:]
    for row in batch.rows { newest[row.result] = row }
    for row in newest.values {
      guard let engine = engines[row.database], let result = try? engine.result(ofKey: row.key)
      else { continue }
      if let sequence = row.batch, let name = JobName(String(row.result.dropLast(".json".count))) {
        try? batches.publishLines(of: name, sequence: sequence, engine)
      }
      try? results.publish(row.result, result)
    }
  }
}

/// The engines of the databases that are served, by name; the same for all threads from the start.
final class EngineTable: Sendable {
  private let engines = Mutex<[String: Engine]>([:])

  subscript(name: String) -> Engine? { engines.withLock { $0[name] } }

  func add(_ engine: Engine) { engines.withLock { $0[engine.configuration.name] = engine } }

  var all: [Engine] { engines.withLock { Array($0.values) } }
}
