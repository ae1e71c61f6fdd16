import Sluice
import Spool

/// Published results whose data a power failure could still take.
struct UnsettledBatch: ~Copyable {
  /// Seconds between the first result and its settling: results appear at once in any case, and
  /// each sync of the file system costs some milliseconds of everybody's disk.
  static let interval = 0.5
  /// Jobs in a batch: bounds the work after a failed sync and the files hidden in `active/`.
  static let jobsMax = 20_000

  struct Row: Sendable {
    var database: String
    var key: Int64
    var result: String
  }

  let sync: SettleBatch?
  private(set) var rows: [Row] = []
  private(set) var published: [ClaimedName] = []
  private(set) var deadline = MonotonicTime(nanoseconds: .max)

  init(_ sync: consuming SettleBatch?) { self.sync = sync }

  var isEmpty: Bool { rows.isEmpty && published.isEmpty }

  func isDue(at now: MonotonicTime) -> Bool {
    if isEmpty { return false }
    return now >= deadline || rows.count + published.count >= Self.jobsMax
  }

  mutating func add(key: Int64, database: String, result: String) {
    if isEmpty { begin() }
    rows.append(Row(database: database, key: key, result: result))
  }

  mutating func add(published name: ClaimedName) {
    if isEmpty { begin() }
    published.append(name)
  }

  private mutating func begin() { deadline = MonotonicTime.now().advanced(bySeconds: Self.interval) }
}
