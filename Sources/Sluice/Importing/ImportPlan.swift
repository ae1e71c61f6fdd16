import SQLite

/// The SQL of one import.
struct ImportPlan {
  /// Rows looked at for the types of a new table.
  static let sampleRows = 1000

  let request: ImportRequest

  private var table: String { "main." + Self.quoted(request.table) }

  /// Loads one row with values for these columns.
  func insert(_ columns: [String]) -> String {
    let verb =
      switch request.conflict {
      case .abort, .update: "INSERT"
      case .ignore: "INSERT OR IGNORE"
      case .replace: "INSERT OR REPLACE"
      }
    // An upsert of no values has no syntax: it would find its row by defaults alone.
    if columns.isEmpty { return "\(verb) INTO \(table) DEFAULT VALUES" }
    let names = columns.map(Self.quoted).joined(separator: ",")
    let places = Array(repeating: "?", count: columns.count).joined(separator: ",")
    let sql = "\(verb) INTO \(table)(\(names)) VALUES(\(places))"
    return request.conflict == .update ? sql + upsert(columns) : sql
  }

  private func upsert(_ columns: [String]) -> String {
    let key = request.key.map(Self.quoted).joined(separator: ",")
    let rest = columns.filter { column in
      !request.key.contains { $0.lowercased() == column.lowercased() }
    }
    if rest.isEmpty { return " ON CONFLICT(\(key)) DO NOTHING" }
    let changes = rest.map { Self.quoted($0) + "=excluded." + Self.quoted($0) }
    return " ON CONFLICT(\(key)) DO UPDATE SET " + changes.joined(separator: ",")
  }

  /// Makes the table; `key` becomes its primary key, since an upsert needs one.
  func create(_ columns: [(name: String, type: ColumnType)]) -> String {
    var parts = columns.map { Self.quoted($0.name) + $0.type.declaration }
    if !request.key.isEmpty {
      parts.append("PRIMARY KEY(" + request.key.map(Self.quoted).joined(separator: ",") + ")")
    }
    return "CREATE TABLE IF NOT EXISTS \(table)(" + parts.joined(separator: ",") + ")"
  }

  /// The names of the table's columns that can be given values, in order.
  static let columnsQuery = "SELECT name FROM pragma_table_xinfo(?1,'main') WHERE hidden=0"

  /// A row if writing to the table may do more than write a row.
  static let triggersQuery =
    "SELECT 1 FROM main.sqlite_schema WHERE type='trigger' AND tbl_name=?1 COLLATE NOCASE LIMIT 1"

  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }

  // MARK: Columns

  /// The columns of a new table, by the first rows.
  func sample(_ reader: any ImportReader) throws(StreamFailure) -> [(
    name: String, type: ColumnType
  )] {
    var names = request.columns ?? reader.header ?? []
    var types = Array(repeating: ColumnType.unknown, count: names.count)
    var row = ImportRow()
    var rows = 0
    while rows < Self.sampleRows, try reader.next(&row) {
      rows += 1
      guard row.fault == nil else { continue }
      for index in 0..<row.count {
        var column = index
        if let name = row.names?[index] {
          column = names.firstIndex(of: name) ?? names.count
          if column == names.count {
            guard request.columns == nil else { continue }
            names.append(name)
            types.append(.unknown)
          }
        }
        guard column < types.count else { continue }
        types[column].meet(row.value(index), isText: row.isText)
      }
    }
    return Array(zip(names, types)).map { (name: $0, type: $1) }
  }
}
