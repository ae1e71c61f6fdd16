import SQLite

/// What is in a schema by name, folded as in `TableUse`.
struct TableNames: Sendable, Equatable {
  /// Tables and views, of which every change is known by name.
  var ordinary: Set<String> = []
  /// Virtual tables, which read and write others behind the authorizer's back.
  var virtual: Set<String> = []
  /// The table of each tree of pages, also of those that are indices.
  var roots: [Int64: String] = [:]
  /// Kinds of virtual tables, some of which can be read from without being in the schema.
  var modules: Set<String> = []

  /// Tables of no database whose rows are made of their arguments alone.
  private static let pure: Set<String> = ["json_each", "json_tree"]

  enum Reading: Equatable {
    /// These tables are all that counts.
    case tables(Set<String>)
    /// Everything in the database may count.
    case everything
    /// What it reads may differ though the database does not.
    case outside
  }

  /// - Parameters:
  ///   - names: what the authorizer was told while the statements ran.
  ///   - opened: what their programs open.
  func reading(_ names: Set<String>, _ opened: OpenedTables) -> Reading {
    if opened.isOutside { return .outside }
    var tables: Set<String> = []
    var isOpaque = false
    var virtualNames = 0
    for name in names.union(opened.names) {
      if virtual.contains(name) {
        isOpaque = true
        virtualNames += 1
      } else if ordinary.contains(name) {
        tables.insert(name)
      } else if Self.isSchema(name) {
        isOpaque = true
      } else if Self.pure.contains(name) {
        virtualNames += 1
      } else if mayBeOutside(name) {
        return .outside
      }
    }
    // One that the authorizer was not told of may be anything.
    if opened.virtual.count > virtualNames { return .outside }
    for root in opened.roots {
      if let table = roots[root] { tables.insert(table) } else { isOpaque = true }
    }
    // SQLite writes to its own tables without asking the authorizer.
    return isOpaque || tables.contains { $0.hasPrefix("sqlite_") } ? .everything : .tables(tables)
  }

  /// What is neither in the schema nor a module is a table expression of the statement's own, whose
  /// name the authorizer is told where none of its columns is used.
  private func mayBeOutside(_ name: String) -> Bool {
    modules.isEmpty || modules.contains(name) || name.hasPrefix("pragma_")
      || name.hasPrefix("sqlite_")
  }

  private static func isSchema(_ name: String) -> Bool {
    name == "sqlite_master" || name == "sqlite_schema"
  }

  /// The tables that a transaction wrote to; nil where it may have changed more than rows of them.
  func written(_ use: TableUse) -> Set<String>? {
    if use.changesMore { return nil }
    let tables = use.written.filter { !$0.hasPrefix("_sluice_") }
    return tables.isSubset(of: ordinary) && tables.isDisjoint(with: virtual) ? tables : nil
  }
}
