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
    /// At most so many rows are in the table.
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
  /// Fingerprints that have been looked at; then all are forgotten, and told again if need be.
  private static let remembered = 2000

  private let path: String
  private var seen: Set<UInt64> = []

  public init(path: String) { self.path = path }

  /// Looks at a few statements that it has not seen yet, the ones that take most time first.
  public mutating func advice(for statements: [StatementStatistics]) -> [Advice] {
    if seen.count > Self.remembered { seen.removeAll() }
    let new = statements.lazy.filter { [seen] statement in
      statement.latency.p50 >= Self.secondsMin && !seen.contains(statement.fingerprint.hash)
        && Self.mayScan(statement.fingerprint.text)
    }.prefix(Self.perRound)
    let chosen = Array(new)
    if chosen.isEmpty { return [] }
    for statement in chosen { seen.insert(statement.fingerprint.hash) }
    guard let database = try? Connection(path: path, role: .reader),
      let scratch = try? SchemaCopy(of: database)
    else { return [] }
    return chosen.compactMap { statement in
      guard let found = try? scratch.index(for: statement.fingerprint.text) else { return nil }
      guard let rows = try? Self.rows(of: found.table, on: database), rows >= Self.rowsMin else {
        return nil
      }
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

  /// At most so many: the highest rowid, which is found without reading the table.
  private static func rows(
    of table: String, on database: borrowing Connection
  ) throws(SQLiteError) -> Int64 {
    let statement = try database.prepareOwn("SELECT max(rowid) FROM main.\(Advice.quoted(table))")
    return try statement.step() ? statement.integer(0) : 0
  }
}
