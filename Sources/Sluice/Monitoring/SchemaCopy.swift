import SQLite

/// A database's schema in memory, without rows, on which indexes are tried out.
struct SchemaCopy: ~Copyable {
  private struct Table {
    var name: String
    var columns: [String]
  }

  /// Tried at a time; more columns than a statement names of one table.
  private static let candidatesMax = 40

  private let scratch: Connection
  private let tables: [Table]

  /// Tables that cannot be made here, such as virtual ones, are left out.
  init(of database: borrowing Connection) throws(SQLiteError) {
    let scratch = try Connection(path: ":memory:", role: .scratch)
    var tables: [Table] = []
    let schema = try database.prepareOwn(
      """
      SELECT type, name, sql FROM main.sqlite_schema
      WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        AND name NOT LIKE '\\_sluice\\_%' ESCAPE '\\' AND type IN ('table', 'index', 'view')
      ORDER BY type = 'view', type = 'index'
      """)
    while try schema.step() {
      guard case .text(let type) = schema.value(0), case .text(let name) = schema.value(1),
        case .text(let sql) = schema.value(2), (try? scratch.execute(sql)) != nil, type == "table"
      else { continue }
      tables.append(Table(name: name, columns: try Self.columns(of: name, scratch)))
    }
    self.tables = tables
    self.scratch = scratch
  }

  private static func columns(
    of table: String, _ scratch: borrowing Connection
  ) throws(SQLiteError) -> [String] {
    let info = try scratch.prepareOwn(
      "PRAGMA main.table_info(\(IndexAdvisor.Advice.quoted(table)))")
    var columns: [String] = []
    while try info.step() { if case .text(let name) = info.value(1) { columns.append(name) } }
    return columns
  }

  /// The index that spares a statement the reading of a whole table; nil where none does, or where
  /// it reads none.
  /// - Parameter text: a fingerprint's.
  func index(for text: String) throws(SQLiteError) -> (table: String, columns: [String])? {
    let sql = text.split(separator: "?, ...", omittingEmptySubsequences: false)
      .joined(separator: "?")
    guard try plan(of: sql).contains(where: Self.isFullScan) else { return nil }
    let mentioned = Mentions(in: sql)
    var candidates: [(table: String, columns: [String])] = []
    for table in tables where mentioned.contains(table.name) {
      for column in table.columns where mentioned.contains(column) {
        candidates.append((table.name, [column]))
      }
    }
    guard let first = try best(of: candidates, for: sql) else { return nil }
    // A second column narrows the search where the statement compares that one too.
    let longer = candidates.filter { $0.table == first.table && $0.columns != first.columns }
      .map { (table: first.table, columns: first.columns + $0.columns) }
    if let second = try best(of: longer, for: sql), second.terms > 1 {
      return (second.table, second.columns)
    }
    return (first.table, first.columns)
  }

  /// The one that the planner searches with, where all are there.
  private func best(
    of candidates: [(table: String, columns: [String])], for sql: String
  ) throws(SQLiteError) -> (table: String, columns: [String], terms: Int)? {
    let tried = candidates.prefix(Self.candidatesMax)
    try scratch.execute("SAVEPOINT advice")
    defer { try? scratch.execute("ROLLBACK TO advice; RELEASE advice") }
    for (number, candidate) in tried.enumerated() {
      let columns = candidate.columns.map(IndexAdvisor.Advice.quoted).joined(separator: ",")
      try scratch.execute(
        "CREATE INDEX sluice_advice_\(number) ON"
          + " \(IndexAdvisor.Advice.quoted(candidate.table))(\(columns))")
    }
    for line in try plan(of: sql) where line.hasPrefix("SEARCH") {
      for (number, candidate) in tried.enumerated()
      where line.contains("INDEX sluice_advice_\(number) (") {
        let terms = line.split(separator: " AND ").count
        return (candidate.table, candidate.columns, terms)
      }
    }
    return nil
  }

  private static func isFullScan(_ line: String) -> Bool {
    line.hasPrefix("SCAN") && !line.contains("VIRTUAL TABLE") && !line.contains("CONSTANT ROW")
      || line.contains("AUTOMATIC")
  }

  private func plan(of sql: String) throws(SQLiteError) -> [String] {
    let statement = try scratch.prepareOwn("EXPLAIN QUERY PLAN " + sql)
    var lines: [String] = []
    while try statement.step() {
      if case .text(let line) = statement.value(3) { lines.append(line) }
    }
    return lines
  }
}

/// The names that stand in a statement, bare or in quotes; case is ignored.
private struct Mentions {
  private let text: String
  private let words: Set<Substring>

  init(in sql: String) {
    text = sql.lowercased()
    words = Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_") })
  }

  func contains(_ name: String) -> Bool {
    let name = name.lowercased()
    return words.contains(name[...]) || text.contains("\"\(name)\"")
  }
}
