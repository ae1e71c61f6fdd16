import SQLite

/// A database's schema in memory, without rows, on which indexes are tried out.
struct SchemaCopy: ~Copyable {
  private struct Table {
    var name: String
    var columns: [String]
    /// Those that an index, or the table itself, can be searched by already.
    var searched: Set<String>
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
      tables.append(Table(name: name, columns: [], searched: []))
    }
    for index in tables.indices { try Self.describe(&tables[index], scratch) }
    self.tables = tables
    self.scratch = scratch
  }

  private static func describe(
    _ table: inout Table, _ scratch: borrowing Connection
  ) throws(SQLiteError) {
    let name =
      "'"
      + table.name.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "''") + "'"
    let info = try scratch.prepareOwn("SELECT name, pk FROM pragma_table_info(\(name))")
    while try info.step() {
      guard case .text(let column) = info.value(0) else { continue }
      table.columns.append(column)
      if info.integer(1) == 1 { table.searched.insert(column) }
    }
    let leading = try scratch.prepareOwn(
      "SELECT i.name FROM pragma_index_list(\(name)) l, pragma_index_info(l.name) i WHERE i.seqno = 0"
    )
    while try leading.step() {
      if case .text(let column) = leading.value(0) { table.searched.insert(column) }
    }
  }

  /// The index that spares a statement the reading of a whole table; nil where none does, or where
  /// it reads none.
  /// - Parameter text: a fingerprint's.
  func index(for text: String) throws(SQLiteError) -> (table: String, columns: [String])? {
    let sql = text.split(separator: "?, ...", omittingEmptySubsequences: false)
      .joined(separator: "?")
    guard try plan(of: sql).contains(where: Self.isFullScan) else { return nil }
    let mentioned = Mentions(in: sql)
    let named = tables.filter { mentioned.contains($0.name) }
    let candidates = named.flatMap { table in
      table.columns.filter { mentioned.contains($0) && !table.searched.contains($0) }
        .map { (table: table.name, columns: [$0]) }
    }
    guard let first = try best(of: candidates, for: sql) else { return nil }
    // A second column narrows the search where the statement compares that one too.
    let longer = candidates.filter { $0.table == first.table && $0.columns != first.columns }
      .map { (table: first.table, columns: first.columns + $0.columns) }
    return try best(of: longer, for: sql) ?? first
  }

  /// The one that the planner searches with, where all are there.
  private func best(
    of candidates: [(table: String, columns: [String])], for sql: String
  ) throws(SQLiteError) -> (table: String, columns: [String])? {
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
      where line.contains("INDEX sluice_advice_\(number) (") && Self.uses(candidate.columns, line) {
        return candidate
      }
    }
    return nil
  }

  /// Whether all the columns take part in the search: `SEARCH t USING INDEX i (a=? AND b>?)`.
  private static func uses(_ columns: [String], _ line: String) -> Bool {
    columns.allSatisfy { column in
      ["=?", ">?", "<?"].contains {
        line.contains("(\(column)\($0)") || line.contains(" \(column)\($0)")
      }
    }
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
