import Sluice
import Spool

/// Published results whose data a power failure could still take, and the reads that run again
/// because theirs may be lost. The publisher's thread only.
///
/// They are settled batch by batch: one is being filled while the settler has the one before.
final class UnsettledResults {
  /// Seconds from one settling to the next, and from a first result to its settling at the latest:
  /// results appear at once in any case, and each sync costs everybody's disk some milliseconds.
  static let interval = 0.5
  /// Seconds without another result after which the sync disturbs nobody.
  static let idle = 0.05
  /// Jobs in a batch: bounds the work after a failed sync.
  static let jobsMax = 20_000
  /// Reads in a batch: their files are removed once it is settled, better while others still run
  /// than all at the end.
  static let readsMax = 5000

  /// What stands under the name of a result.
  enum Standing {
    case row(Row)
    /// Its file stays in `active/` until the result is durable.
    case read(ClaimedName)
  }

  struct Row {
    var database: String
    var key: Int64
    var result: String
    /// The sequence number of a batch, whose lines have a result file of their own.
    var batch: UInt64?
  }

  private var sync: SettleHandle
  /// The batch that is being filled, by the name of the result; a later result of a name is the only
  /// one that matters.
  private var standing: [String: Standing] = [:]
  /// What still stands of the batch that the settler was given last.
  private var handedOver: [String: Standing] = [:]
  /// Reads that run again, by the name of their result, and those of them that a later job overtook.
  private var runningAgain: [String: ClaimedName] = [:]
  private var overtaken: Set<UInt64> = []
  /// The highest key of each database that was ever published.
  private var highest: [String: Int64] = [:]
  private var readCount = 0
  /// Whether it has to be settled even if nothing is in it: what was lost is gone or written again.
  private var isOwed = false
  private var began = MonotonicTime.now()
  private var first = MonotonicTime(nanoseconds: .max)
  private var last = MonotonicTime(nanoseconds: .max)

  /// - Parameter sync: opened before the first result is written.
  init(_ sync: SettleHandle) { self.sync = sync }

  // MARK: When

  /// When the batch is to be settled, if nothing is added.
  var deadline: MonotonicTime {
    let quiet = max(last.advanced(bySeconds: Self.idle), began.advanced(bySeconds: Self.interval))
    return min(quiet, first.advanced(bySeconds: Self.interval))
  }

  var isEmpty: Bool { standing.isEmpty && !isOwed }

  func isDue(at now: MonotonicTime) -> Bool {
    if isEmpty { return false }
    return now >= deadline || standing.count >= Self.jobsMax || readCount >= Self.readsMax
  }

  // MARK: What

  func add(key: Int64, database: String, result: String, batch: UInt64? = nil) {
    add(Row(database: database, key: key, result: result, batch: batch))
  }

  func add(_ row: Row) {
    start()
    standing[row.result] = .row(row)
    highest[row.database] = max(highest[row.database] ?? row.key, row.key)
  }

  func add(read name: ClaimedName) {
    start()
    standing[name.job.result] = .read(name)
    readCount += 1
  }

  private func start() {
    last = .now()
    if isEmpty { first = last }
  }

  /// A later job's result is about to take the place of what stands under its name. A read's file
  /// must go first, for the read would run again after a crash and put its own result back.
  /// - Parameter remove: removes such a file; where it throws, nothing is changed.
  func giveWay(
    to name: ClaimedName, removing remove: (ClaimedName) throws(FileError) -> Void
  ) throws(FileError) {
    let result = name.job.result
    if let older = standing[result] ?? handedOver[result] {
      // Not its own file, where its result is published once more.
      if case .read(let read) = older {
        if read.sequence != name.sequence { try remove(read) }
        if standing[result] != nil { readCount -= 1 }
      }
      standing[result] = nil
      handedOver[result] = nil
    }
    guard let read = runningAgain[result] else { return }
    if read.sequence != name.sequence {
      try remove(read)
      overtaken.insert(read.sequence)
    }
    runningAgain[result] = nil
  }

  /// Whether a job of the same name ended after this read, which runs again, had ended first: the
  /// result of that one stays.
  func isOvertaken(_ name: ClaimedName) -> Bool {
    overtaken.isEmpty ? false : overtaken.remove(name.sequence) != nil
  }

  // MARK: Settling

  /// Begins the next batch.
  /// - Parameters:
  ///   - next: what the next batch is settled with.
  ///   - lowestWaiting: the lowest key of a database that is not published yet: urgent results
  ///     overtake others.
  func handOver(
    next: SettleHandle, lowestWaiting: (String) -> Int64?
  ) -> Settlement {
    var keys = highest
    for (database, key) in highest {
      if let lowest = lowestWaiting(database) { keys[database] = min(key, lowest - 1) }
    }
    let reads = standing.values.compactMap { standing -> ClaimedName? in
      if case .read(let name) = standing { name } else { nil }
    }
    let settlement = Settlement(sync: sync, keys: keys, reads: reads)
    handedOver = standing
    begin(next)
    return settlement
  }

  /// The batch that was handed over is durable.
  func handedOverIsSettled() { handedOver = [:] }

  /// The settling of the batch that was handed over failed. Empties everything: also what was written
  /// since may be lost, for the next sync need not tell.
  /// - Returns: what stands under each name.
  func takeLost(next: SettleHandle) -> [String: Standing] {
    let lost = handedOver.merging(standing) { _, later in later }
    handedOver = [:]
    begin(next)
    start()
    isOwed = true
    return lost
  }

  func runsAgain(_ name: ClaimedName) { runningAgain[name.job.result] = name }

  private func begin(_ next: SettleHandle) {
    sync = next
    standing = [:]
    readCount = 0
    isOwed = false
    began = .now()
    first = MonotonicTime(nanoseconds: .max)
    last = MonotonicTime(nanoseconds: .max)
  }
}
