import Sluice
import Spool

/// Published results whose data a power failure could still take.
///
/// `@unchecked Sendable`: filled by the publisher's thread, then handed to the settler's through a
/// queue, after which the publisher never touches it again.
final class UnsettledBatch: @unchecked Sendable {
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

  struct Row {
    var database: String
    var key: Int64
    var result: String
    /// The sequence number of a batch, whose lines have a result file of their own.
    var batch: UInt64?
  }

  /// Opened before the first result was written; nil where it could not be, and then nothing of
  /// this batch is ever called durable.
  let sync: SettleBatch?
  private(set) var rows: [Row] = []
  /// Reads, by the name of their result: their files stay in `active/` until it is durable.
  private(set) var reads: [String: ClaimedName] = [:]
  private let began = MonotonicTime.now()
  private var first = MonotonicTime(nanoseconds: .max)
  private var last = MonotonicTime(nanoseconds: .max)

  init(_ sync: consuming SettleBatch?) { self.sync = sync }

  /// When it is to be settled, if nothing is added.
  var deadline: MonotonicTime {
    let quiet = max(last.advanced(bySeconds: Self.idle), began.advanced(bySeconds: Self.interval))
    return min(quiet, first.advanced(bySeconds: Self.interval))
  }

  var isEmpty: Bool { rows.isEmpty && reads.isEmpty }

  func isDue(at now: MonotonicTime) -> Bool {
    if isEmpty { return false }
    return now >= deadline || rows.count >= Self.jobsMax || reads.count >= Self.readsMax
  }

  func add(key: Int64, database: String, result: String, batch: UInt64? = nil) {
    start()
    rows.append(Row(database: database, key: key, result: result, batch: batch))
  }

  func add(read name: ClaimedName) {
    start()
    reads[name.job.result] = name
  }

  /// The read whose result is about to be replaced by a later job's: its file must go first, for it
  /// would run again after a crash and put its result back.
  func superseded(by result: String) -> ClaimedName? {
    reads.isEmpty ? nil : reads.removeValue(forKey: result)
  }

  /// What an earlier batch could not settle is this one's to settle.
  func add(contentsOf earlier: UnsettledBatch) {
    start()
    rows = earlier.rows + rows
    keys.merge(earlier.keys) { max($0, $1) }
    reads.merge(earlier.reads) { own, _ in own }
  }

  private func start() {
    last = .now()
    if isEmpty { first = last }
  }

  /// The highest key of each database up to which all results are published.
  private(set) var keys: [String: Int64] = [:]

  /// Sets `keys`.
  /// - Parameters:
  ///   - highest: the highest key of each database that was ever published.
  ///   - lowestWaiting: the lowest one of a database that is not: urgent results overtake others.
  func limitKeys(highest: [String: Int64], lowestWaiting: (String) -> Int64?) {
    keys = highest
    for (database, key) in highest {
      if let lowest = lowestWaiting(database) { keys[database] = min(key, lowest - 1) }
    }
  }
}
