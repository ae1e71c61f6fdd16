import SQLite
import Sluice
import Testing

@testable import Spool

@Suite("JSON Lines rows")
struct JSONRowReaderTests {
  @Test("rows are arrays of values or objects of columns")
  func rows() throws {
    let content = """
      \u{feff}[1,2.5,"x",null,true,{"$blob":"AP8="}]

        \t
      {"a":9223372036854775807,"b":"y"}
      []
      """
    let rows = try ImportReading(content, format: .jsonl).rows()
    #expect(
      rows == [
        SeenRow(
          1, [.integer(1), .real(2.5), .text("x"), .null, .integer(1), .blob([0x00, 0xff])]),
        SeenRow(4, [.integer(.max), .text("y")], names: ["a", "b"]),
        SeenRow(5, []),
      ])
  }

  @Test("a line that is no row is bad by itself, with its column")
  func badRows() throws {
    let content = "[1]\n[1,\n[[1]]\n7\n[9223372036854775808]\n{\"a\":1,\"a\":2}\n[2]"
    let rows = try ImportReading(content, format: .jsonl).rows()
    #expect(rows.map(\.line) == [1, 2, 3, 4, 5, 6, 7])
    #expect(rows.map { $0.bad != nil } == [false, true, true, true, true, true, false])
    #expect(rows[2].bad == 2)
    #expect(rows[4].bad == 2)
  }

  @Test("the first line to load is a physical one")
  func fromLine() throws {
    var reading = try ImportReading("[1]\n\n[2]\n[3]\n", format: .jsonl)
    reading.request.fromLine = 3
    #expect(try reading.rows() == [SeenRow(3, [.integer(2)]), SeenRow(4, [.integer(3)])])
  }
}
