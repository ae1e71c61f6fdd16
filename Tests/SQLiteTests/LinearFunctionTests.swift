import CSQLite
import TestSupport
import Testing

@testable import SQLite

@Suite("instr, replace and trim") struct LinearFunctionTests {
  /// What the library's own functions say; nil for NULL.
  private func original(_ sql: String) -> String? {
    var database: OpaquePointer?
    sqlite3_open(":memory:", &database)
    defer { sqlite3_close(database) }
    var statement: OpaquePointer?
    sqlite3_prepare_v2(database, sql, -1, &statement, nil)
    defer { sqlite3_finalize(statement) }
    guard sqlite3_step(statement) == SQLITE_ROW else { return nil }
    return sqlite3_column_text(statement, 0).map { String(cString: $0) }
  }

  @Test("say what SQLite's own say, of text, blobs, numbers and NULL")
  func same() throws {
    let connection = try Connection(path: ":memory:", role: .scratch)
    var generator = SeededGenerator(seed: 7)
    let parts = ["61", "62", "6162", "c3a9", "f09f9880", "20", "6161"]
    func value(isWellFormed: Bool) -> String {
      switch Int.random(in: 0..<12, using: &generator) {
      case 0: return "NULL"
      case 1: return "1616"
      case 2: return "''"
      default:
        let parts = isWellFormed ? parts : parts + ["80", "c3", "a9"]
        let count = Int.random(in: 0..<8, using: &generator)
        let hex = (0..<count).map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
        let isBlob = Int.random(in: 0..<3, using: &generator) == 0
        return isBlob ? "x'\(hex)'" : "CAST(x'\(hex)' AS TEXT)"
      }
    }
    for _ in 0..<3000 {
      let call =
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: "instr(\(value(isWellFormed: false)),\(value(isWellFormed: false)))"
        case 1:
          "replace(\(value(isWellFormed: false)),\(value(isWellFormed: false)),\(value(isWellFormed: false)))"
        case 2: "trim(\(value(isWellFormed: true)),\(value(isWellFormed: true)))"
        case 3: "ltrim(\(value(isWellFormed: true)),\(value(isWellFormed: true)))"
        default: "rtrim(\(value(isWellFormed: true)),\(value(isWellFormed: true)))"
        }
      let sql = "SELECT typeof(\(call)) || hex(\(call))"
      let statement = try connection.prepareOwn(sql)
      #expect(try statement.step())
      let own: String? = if case .text(let text) = statement.value(0) { text } else { nil }
      #expect(own == original(sql), "\(call)")
    }
  }
}
