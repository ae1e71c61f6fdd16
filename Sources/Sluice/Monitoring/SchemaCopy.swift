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
    let before = try plan(of: sql)
    guard before.contains(where: Self.isFullScan) else { return nil }
    let mentioned = Mentions(in: sql)
    // The first rows by an index's order spare the others; all of them in order spare nothing.
    let wantsOrder = mentioned.contains("limit") && before.contains(Self.sorting)
    let named = tables.filter { mentioned.contains($0.name) }
    let candidates = named.flatMap { table in
      table.columns.filter { mentioned.contains($0) && !table.searched.contains($0) }
        .map { Candidate(table: table.name, columns: [$0]) }
    }
    guard let first = try best(of: candidates, for: sql, wantsOrder) else { return nil }
    // A second column narrows the search where the statement compares that one too, or puts what is
    // left in order.
    guard first.isSearched || first.sorts else { return first.index }
    let longer = candidates.filter {
      $0.table == first.index.table && $0.columns != first.index.columns
    }.map { Candidate(table: $0.table, columns: first.index.columns + $0.columns) }
    return try best(of: longer, for: sql, wantsOrder)?.index ?? first.index
  }

  private typealias Candidate = (table: String, columns: [String])

  /// The one that the planner takes, where all are there.
  /// - Parameter wantsOrder: whether one that only gives rows in order will do.
  /// - Returns: it, whether it is searched for a value, and whether some sorting is left.
  private func best(
    of candidates: [Candidate], for sql: String, _ wantsOrder: Bool
  ) throws(SQLiteError) -> (index: Candidate, isSearched: Bool, sorts: Bool)? {
    let tried = candidates.prefix(Self.candidatesMax)
    try scratch.execute("SAVEPOINT advice")
    defer { try? scratch.execute("ROLLBACK TO advice; RELEASE advice") }
    for (number, candidate) in tried.enumerated() {
      let columns = candidate.columns.map(IndexAdvisor.Advice.quoted).joined(separator: ",")
      try scratch.execute(
        "CREATE INDEX sluice_advice_\(number) ON"
          + " \(IndexAdvisor.Advice.quoted(candidate.table))(\(columns))")
    }
    let plan = try plan(of: sql)
    let sorts = plan.contains { $0.hasSuffix("ORDER BY") }
    for line in plan {
      for (number, candidate) in tried.enumerated() {
        let isOrdered =
          wantsOrder && (candidate.columns.count == 1 ? !plan.contains(Self.sorting) : !sorts)
        if line.contains("INDEX sluice_advice_\(number) (") {
          let compared = candidate.columns.count { Self.compares($0, line) }
          guard compared == candidate.columns.count || compared > 0 && isOrdered else { continue }
          return (candidate, true, sorts)
        }
        // A SEARCH for no value is for the least or the greatest.
        if line.hasSuffix("INDEX sluice_advice_\(number)"), line.hasPrefix("SEARCH") || isOrdered {
          return (candidate, false, sorts)
        }
      }
    }
    return nil
  }

  /// Whether a column takes part in the search: `SEARCH t USING INDEX i (a=? AND b>?)`.
  private static func compares(_ column: String, _ line: String) -> Bool {
    ["=?", ">?", "<?"].contains {
      line.contains("(\(column)\($0)") || line.contains(" \(column)\($0)")
    }
  }

  private static let sorting = "USE TEMP B-TREE FOR ORDER BY"

  /// The least or greatest of a column without an index is a SEARCH that uses none.
  private static func isFullScan(_ line: String) -> Bool {
    line.hasPrefix("SCAN") && !line.contains("VIRTUAL TABLE") && !line.contains("CONSTANT ROW")
      || line.contains("AUTOMATIC") || line.hasPrefix("SEARCH") && !line.contains(" USING ")
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
