import SQLite

/// The results that a cache holds, within its bounds: the least recently used go first.
///
/// Knows neither locks nor clocks nor the database: the caller says what time it is and what has
/// changed.
struct CachedResults: Sendable {
  struct Entry: Sendable {
    /// JSON text.
    var statements: [UInt8]
    /// The SQL, for `removeAll(matching:)`.
    var sql: [String]
    /// What it was read from; nil if any change may matter.
    var tables: Set<String>?
    /// At which it was last known to be right.
    var position: Int
    /// When its read began.
    var stored: MonotonicTime
    var expires: MonotonicTime
    /// With its key.
    var bytes: Int
  }

  /// Bytes of an entry beside its key and its result.
  static let overhead = 256
  /// Tables that are counted by name; there may be ever new ones.
  private static let namesCounted = 1000

  private var entries = LRUList<CacheKey, Entry>()
  private(set) var statistics = CacheStatistics()

  var isEmpty: Bool { entries.isEmpty }

  /// The result for `key` if it is right and not older than `seconds`; what is wrong or expired is
  /// removed.
  mutating func find(
    _ key: CacheKey, notOlderThan seconds: Double, now: MonotonicTime, _ log: ChangeLog
  ) -> [UInt8]? {
    guard let entry = entries.use(key) else { return nil }
    if now >= entry.expires {
      remove(key)
      statistics.expiries += 1
      return nil
    }
    switch log.verdict(since: entry.position, of: entry.tables) {
    case .unchanged: break
    case .changed(let table):
      remove(key)
      invalidated(by: table)
      return nil
    case .unknown:
      remove(key)
      statistics.invalidations += 1
      return nil
    }
    // A job may ask for a fresher result than the one that brought this one.
    guard now.seconds(since: entry.stored) <= seconds else { return nil }
    entries.update(key) { $0.position = log.position }
    statistics.hits += 1
    return entry.statements
  }

  private mutating func invalidated(by table: String) {
    statistics.invalidations += 1
    let isKnown = statistics.invalidationsByTable[table] != nil
    if isKnown || statistics.invalidationsByTable.count < Self.namesCounted {
      statistics.invalidationsByTable[table, default: 0] += 1
    }
  }

  mutating func insert(_ entry: Entry, for key: CacheKey, _ limits: CacheConfiguration) {
    remove(key)
    entries.insert(entry, for: key)
    statistics.bytes += entry.bytes
    statistics.stored += 1
    shrink(to: limits)
  }

  /// Removes the least recently used ones beyond `limits`.
  mutating func shrink(to limits: CacheConfiguration) {
    while entries.count > limits.entriesMax || statistics.bytes > limits.bytesMax,
      let removed = entries.removeOldest()
    {
      statistics.bytes -= removed.bytes
      statistics.evictions += 1
    }
    statistics.entries = entries.count
  }

  private mutating func remove(_ key: CacheKey) {
    guard let removed = entries.remove(key) else { return }
    statistics.bytes -= removed.bytes
    statistics.entries = entries.count
  }

  /// - Returns: how many there were.
  mutating func removeAll(matching glob: GlobPattern) -> Int {
    let removed = entries.filter { entry in
      !entry.sql.contains { glob.matches(CacheRules.collapsed($0)) }
    }
    statistics.bytes -= removed.reduce(0) { $0 + $1.bytes }
    statistics.entries = entries.count
    return removed.count
  }

  mutating func removeAll() {
    entries.removeAll()
    statistics.bytes = 0
    statistics.entries = 0
  }

  /// None of them can be proved right any more.
  mutating func invalidateAll() {
    statistics.invalidations += entries.count
    removeAll()
  }

  // MARK: What is only counted

  mutating func missed() { statistics.misses += 1 }
  mutating func refused() { statistics.refused += 1 }
  mutating func overtaken() { statistics.overtaken += 1 }
  mutating func failed() { statistics.failures += 1 }
}
