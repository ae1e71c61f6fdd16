import SQLite
import TestSupport

extension TemporarySpool {
  /// Makes the tables that the jobs of the load use.
  func dropSchema() throws {
    try drop("schema.json", LoadKind.schema)
    let run = try WorkerProcess.once(on: self)
    guard run.end == .exited(0) else { throw WorkerProcess.StartFailure(errors: run.errors) }
    try layout.results.unlink("schema.json")
  }

  /// Reads the database `main` that its workers were given.
  func query(_ sql: String, columns: Int = 2) throws -> [[Value]] {
    let connection = try Connection(path: path + "/main.db", role: .reader)
    let statement = try connection.prepareOwn(sql)
    var rows: [[Value]] = []
    while try statement.step() { rows.append((0..<columns).map { statement.value($0) }) }
    return rows
  }

  /// One number from the database; nil where there is no row.
  func number(_ sql: String) throws -> Int64? {
    guard case .integer(let number)? = try query(sql, columns: 1).first?[0] else { return nil }
    return number
  }
}
