import JSON
import SQLite
import Spool
import TestSupport

/// Imports and exports on a spool, and what they leave.
extension TemporarySpool {
  /// Writes a file into `data/`.
  func put(_ name: String, _ content: String) throws {
    try layout.data.create(name).write(Array(content.utf8))
  }

  /// Drops one job, works until nothing is left, and gives its result.
  @discardableResult
  func work(_ name: String, _ job: String) throws -> JSONNode {
    try drop(name, job)
    let run = try WorkerProcess.once(on: self)
    guard let result = try parsedResult(name) else {
      throw WorkerProcess.StartFailure(errors: run.errors)
    }
    return result
  }

  /// All rows of a query on the database `main`, each as text: `1|x|NULL`.
  func lines(_ sql: String) throws -> [String] {
    let connection = try Connection(path: path + "/main.db", role: .reader)
    let statement = try connection.prepareOwn(sql)
    var lines: [String] = []
    while try statement.step() {
      let fields = (0..<statement.columnCount).map { index in
        switch statement.value(index) {
        case .null: "NULL"
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let text): text
        case .blob(let bytes): "\(bytes)"
        }
      }
      lines.append(fields.joined(separator: "|"))
    }
    return lines
  }
}

extension JSONNode {
  /// The value at a path of keys and places.
  func at(_ path: String) -> JSONNode? {
    var node: JSONNode? = self
    for step in path.split(separator: "/") {
      node = Int(step).map { node?[$0] } ?? node?[String(step)]
    }
    return node
  }

  var status: String? { self["status"]?.string }
  var code: String? { at("error/code")?.string }
}
