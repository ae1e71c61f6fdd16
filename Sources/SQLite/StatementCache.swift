/// Keeps prepared statements by their SQL; the least recently used goes when it is full.
///
/// A statement that is evicted while somebody runs it lives until that borrower lets it go.
struct StatementCache {
  private struct Entry {
    var statement: Statement
    var lastUse: UInt64
  }

  private var entries: [String: Entry] = [:]
  private var clock: UInt64 = 0
  private let capacity: Int
  private(set) var hits: UInt64 = 0
  private(set) var misses: UInt64 = 0

  init(capacity: Int) {
    precondition(capacity > 0)
    self.capacity = capacity
  }

  var count: Int { entries.count }

  mutating func find(_ sql: String) -> Statement? {
    guard let index = entries.index(forKey: sql) else {
      misses += 1
      return nil
    }
    hits += 1
    clock += 1
    entries.values[index].lastUse = clock
    return entries.values[index].statement
  }

  mutating func insert(_ statement: Statement, for sql: String) {
    if entries.count >= capacity { evict() }
    clock += 1
    entries[sql] = Entry(statement: statement, lastUse: clock)
  }

  mutating func removeAll() { entries.removeAll() }

  /// Drops the older half: a full sort each time the cache is full costs less per statement than
  /// keeping a linked list up to date at every use.
  private mutating func evict() {
    let median = entries.values.map(\.lastUse).sorted()[entries.count / 2]
    entries = entries.filter { $0.value.lastUse > median }
  }
}
