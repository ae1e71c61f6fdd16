import SQLite
import Testing

@testable import Sluice

@Suite("Types of imported columns") struct ColumnTypeTests {
  private func type(_ values: [Value], isText: Bool) -> String {
    var type = ColumnType.unknown
    for value in values { type.meet(value, isText: isText) }
    return type.declaration
  }

  @Test(
    "a text is a number only where SQLite would give the same text back",
    arguments: [
      (["1", "-2", "0"], " INTEGER"), (["9223372036854775807"], " INTEGER"),
      (["9223372036854775808"], " TEXT"), (["1", "1.5"], " REAL"), (["1e3", "-0.5"], " REAL"),
      (["007"], " TEXT"), (["+49"], " TEXT"), (["1-2"], " TEXT"), (["1", "x"], " TEXT"),
      (["1.5", "x"], " TEXT"), (["-"], " TEXT"), ([""], " TEXT"), ([" 1"], " TEXT"),
      (["inf"], " TEXT"), (["0x10"], " TEXT"), ([], " TEXT"),
    ])
  func csv(texts: [String], declaration: String) {
    #expect(type(texts.map { .text($0) } + [.null], isText: true) == declaration)
  }

  @Test("values of JSON keep their types, and a column of several has none")
  func json() {
    #expect(type([.integer(1), .null], isText: false) == " INTEGER")
    #expect(type([.integer(1), .real(2)], isText: false) == " REAL")
    #expect(type([.text("1")], isText: false) == " TEXT")
    #expect(type([.blob([1])], isText: false) == " BLOB")
    #expect(type([.text("1"), .integer(1)], isText: false).isEmpty)
  }
}
