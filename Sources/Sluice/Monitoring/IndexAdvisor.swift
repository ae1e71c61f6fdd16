import SQLite

/// Finds statements that read all of a large table, and the index with which they would not.
///
/// As the `sqlite3_expert` of SQLite's shell does, it asks the planner itself: the schema is rebuilt
/// in memory, where indexes on the columns that the statement names are tried out. Runs on connections
/// of its own that live for one round; not for a thread that anybody waits for.
public struct IndexAdvisor: Sendable {
  /// An index that would help a statement.
  public struct Advice: Sendable, Equatable {
    public var fingerprint: StatementFingerprint
    public var table: String
    public var columns: [String]
    /// Rows in the table, counted up to a million.
    public var rows: Int64
    /// The median of the statement, in seconds.
    public var seconds: Double

    /// The statement that makes the index.
    public var sql: String {
      let names = columns.map(Self.quoted).joined(separator: ", ")
      let name = Self.quoted(([table] + columns).joined(separator: "_"))
      return "CREATE INDEX \(name) ON \(Self.quoted(table))(\(names))"
    }

    static func quoted(_ name: String) -> String {
      let isPlain = name.utf8.allSatisfy {
        $0 == 0x5f || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39)
      }
      if isPlain, let first = name.utf8.first, first > 0x39 { return name }
      return "\""
        + name.split(separator: "\"", omittingEmptySubsequences: false)
        .joined(separator: "\"\"") + "\""
    }
  }

  /// Rows from which on a table is large.
  static let rowsMin: Int64 = 10_000
  /// Seconds that a statement takes, half the time, before it is looked at.
  private static let secondsMin = 0.001
  private static let perRound = 3
  /// Seconds after which one that needed no index is looked at again: tables grow.
  static let againSeconds = 300.0
  /// Rows are counted up to here, which costs no more than the statement itself does each time.
  private static let countMax = 1_000_000
  /// Fingerprints that have been looked at; then all are forgotten, and told again if need be.
  private static let remembered = 2000

  private let path: String
  private var told: Set<UInt64> = []
  private var looked: [UInt64: MonotonicTime] = [:]

  public init(path: String) { self.path = path }

  /// Looks at a few statements that it has not looked at lately, the ones that take most time first;
  /// each is told once.
  public mutating func advice(
    for statements: [StatementStatistics], now: MonotonicTime = .now()
  ) -> [Advice] {
    if told.count > Self.remembered { told.removeAll() }
    looked = looked.filter { now.seconds(since: $0.value) < Self.againSeconds }
    if looked.count > Self.remembered { looked.removeAll() }
    let new = statements.lazy.filter { [told, looked] statement in
      let hash = statement.fingerprint.hash
      return statement.latency.p50 >= Self.secondsMin && !told.contains(hash)
        && looked[hash] == nil && Self.mayScan(statement.fingerprint.text)
    }.prefix(Self.perRound)
    let chosen = Array(new)
    // A database that cannot be looked into now is one that nothing is known of yet.
    guard !chosen.isEmpty, let database = try? Connection(path: path, role: .reader),
      let scratch = try? SchemaCopy(of: database)
    else { return [] }
    return chosen.compactMap { statement in
      looked[statement.fingerprint.hash] = now
      guard let found = try? scratch.index(for: statement.fingerprint.text),
        let rows = try? Self.rows(of: found.table, on: database), rows >= Self.rowsMin
      else { return nil }
      told.insert(statement.fingerprint.hash)
      return Advice(
        fingerprint: statement.fingerprint, table: found.table, columns: found.columns,
        rows: rows, seconds: statement.latency.p50)
    }
  }

  private static func mayScan(_ text: String) -> Bool {
    switch SQLKeyword(of: text) {
    case .select, .with, .insert, .replace, .update, .delete: true
    default: false
    }
  }

  private static func rows(
    of table: String, on database: borrowing Connection
  ) throws(SQLiteError) -> Int64 {
    let statement = try database.prepareOwn(
      "SELECT count(*) FROM (SELECT 1 FROM main.\(Advice.quoted(table)) LIMIT \(countMax))")
    return try statement.step() ? statement.integer(0) : 0
  }
}
