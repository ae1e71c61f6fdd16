import SQLite

/// The cache's own connection, which never writes and is asked in which state the database is.
///
/// `@unchecked Sendable`: it is touched only inside the lock of the one cache that made it, and
/// SQLite connections opened without a mutex may move between threads that exclude each other.
final class VersionProbe: @unchecked Sendable {
  private let connection: Connection
  private let dataVersion: Statement
  private let schema: Statement
  private let modules: Statement

  init(path: String) throws(SQLiteError) {
    connection = try Connection(path: path, role: .reader, statements: 1)
    // Whoever looks something up must not wait: the cache is passed by instead.
    connection.onBusy { _ in false }
    dataVersion = try connection.prepareOwn("PRAGMA main.data_version")
    schema = try connection.prepareOwn(
      """
      SELECT name, tbl_name, type, ifnull(rootpage,0) FROM main.sqlite_schema
      WHERE type IN ('table','view','index')
      """)
    modules = try connection.prepareOwn("PRAGMA module_list")
  }

  /// Statements of one text that are looked at: each costs a copy of what follows.
  private static let statementsMax = 64

  /// Differs from the last answer if the database has changed since; some 3 µs.
  func version() throws(SQLiteError) -> Int64 {
    connection.authorizer.subject = .engine
    defer { dataVersion.reset() }
    guard try dataVersion.step() else {
      throw SQLiteError(code: 1, message: "PRAGMA data_version gave no row")
    }
    return dataVersion.integer(0)
  }

  /// What the schema calls its tables.
  func tableNames() throws(SQLiteError) -> TableNames {
    connection.authorizer.subject = .engine
    defer {
      schema.reset()
      modules.reset()
    }
    var found = TableNames()
    while try schema.step() {
      guard case .text(let name) = schema.value(0), case .text(let table) = schema.value(1),
        case .text(let type) = schema.value(2)
      else { throw SQLiteError(code: 1, message: "a name in the schema is not UTF-8") }
      let root = schema.integer(3)
      if root != 0 { found.roots[root] = TableUse.folded(table) }
      if type == "view" || type == "table" && root != 0 {
        found.ordinary.insert(TableUse.folded(name))
      } else if type == "table" {
        found.virtual.insert(TableUse.folded(name))
      }
    }
    while try modules.step() {
      if case .text(let name) = modules.value(0) { found.modules.insert(TableUse.folded(name)) }
    }
    return found
  }

  /// What the statements in `sql` open, by their compiled programs; nil where that cannot be told.
  ///
  /// The authorizer alone does not do: it is not asked for a table of which a NATURAL JOIN or USING
  /// only compares columns.
  func opened(by sql: String) -> OpenedTables? {
    var opened = OpenedTables()
    var rest = sql[...]
    let word = "EXPLAIN "
    var count = 0
    do throws(SQLiteError) {
      while SQLKeyword(of: String(rest)) != .none {
        count += 1
        guard count <= Self.statementsMax,
          let (program, end) = try connection.prepare(word + rest, subject: .reader),
          program.isExplain
        else { return nil }
        defer { program.reset() }
        while try program.step() { opened.note(program) }
        opened.names.formUnion(program.use.read)
        rest = Substring(rest.utf8.dropFirst(end - word.utf8.count))
      }
      return opened
    } catch {
      return nil
    }
  }
}

/// What a compiled program opens.
struct OpenedTables: Sendable, Equatable {
  /// Root pages in the main database.
  var roots: Set<Int64> = []
  /// Virtual tables, by what EXPLAIN calls them: each one's own address.
  var virtual: Set<String> = []
  /// It opens something elsewhere.
  var isOutside = false
  /// The names that the authorizer was told.
  var names: Set<String> = []

  mutating func formUnion(_ other: OpenedTables) {
    roots.formUnion(other.roots)
    virtual.formUnion(other.virtual)
    isOutside = isOutside || other.isOutside
    names.formUnion(other.names)
  }

  /// Takes note of one instruction, a row of EXPLAIN.
  mutating func note(_ row: Statement) {
    guard case .text(let instruction) = row.value(1) else {
      isOutside = true
      return
    }
    switch instruction {
    case "OpenRead", "ReopenIdx", "OpenWrite":
      roots.insert(row.integer(3))
      if row.integer(4) != 0 { isOutside = true }
    case "VOpen":
      guard case .text(let address) = row.value(5) else {
        isOutside = true
        return
      }
      virtual.insert(address)
    default: break
    }
  }
}
