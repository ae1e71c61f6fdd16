import Glibc
import SQLite
import Sluice
import Testing

@testable import Spool

@Suite("CSV rows")
struct CSVRowReaderTests {
  private func text(_ fields: String...) -> [Value] { fields.map { .text($0) } }

  @Test("an empty field is NULL, a quoted one is an empty string, blanks stay")
  func fields() throws {
    let rows = try ImportReading("a,,\"\"\n b ,\"c\"\"d\",\te\n").rows()
    #expect(
      rows == [
        SeenRow(1, [.text("a"), .null, .text("")]), SeenRow(2, text(" b ", "c\"d", "\te")),
      ])
  }

  @Test("line breaks inside quotes belong to the value, and lines are counted as they stand")
  func physicalLines() throws {
    let rows = try ImportReading("a,\"x\ny\r\nz\"\n\nb,2\n").rows()
    #expect(rows == [SeenRow(1, text("a", "x\ny\r\nz")), SeenRow(5, text("b", "2"))])
  }

  @Test("a byte order mark, blank lines and every kind of line end are read over")
  func lineEnds() throws {
    let rows = try ImportReading("\u{feff}a,1\r\n\r\n  \nb,2\rc,3\n\n\nd,4").rows()
    #expect(
      rows == [
        SeenRow(1, text("a", "1")), SeenRow(4, text("b", "2")), SeenRow(5, text("c", "3")),
        SeenRow(8, text("d", "4")),
      ])
  }

  @Test("a header is read whatever the first line to load is")
  func header() throws {
    var reading = try ImportReading("n,\"of\nage\"\na,1\nb,2\n", header: true)
    #expect(try reading.open().header == ["n", "of\nage"])
    reading.request.fromLine = 4
    let reader = try reading.open()
    #expect(reader.header == ["n", "of\nage"])
    #expect(try ImportReading.rest(of: reader) == [SeenRow(4, text("b", "2"))])
    reading.request.fromLine = 9
    #expect(try reading.rows().isEmpty)
  }

  @Test("a stray quote spoils its row only, and says in which field")
  func badRow() throws {
    let rows = try ImportReading("a,1\nb,\"2\"x,3\nc\"d,4\ne,5\n").rows()
    #expect(
      rows == [
        SeenRow(1, text("a", "1")), SeenRow(2, badAt: 2), SeenRow(3, badAt: 1),
        SeenRow(4, text("e", "5")),
      ])
  }

  @Test("a quote that is never closed spoils its row, and the next lines are read")
  func openQuote() throws {
    let rows = try ImportReading("a,1\nb,\"2\nc,3\nd,4\n").rows()
    #expect(
      rows == [
        SeenRow(1, text("a", "1")), SeenRow(2, badAt: 2), SeenRow(3, text("c", "3")),
        SeenRow(4, text("d", "4")),
      ])
  }

  @Test("what is not UTF-8 is a bad row")
  func encoding() throws {
    let rows = try ImportReading(bytes: Array("a,1\nb,".utf8) + [0xe4, 0x0a]).rows()
    #expect(rows == [SeenRow(1, text("a", "1")), SeenRow(2, badAt: 2)])
  }

  @Test("another delimiter leaves commas and blanks alone")
  func delimiter() throws {
    var reading = try ImportReading("a,b\t1\n\t\n")
    reading.request.delimiter = 0x09
    #expect(try reading.rows() == [SeenRow(1, text("a,b", "1")), SeenRow(2, [.null, .null])])
  }

  @Test("rows longer than any buffer, and line ends that a buffer parts, are whole")
  func longRows() throws {
    let long = String(repeating: "x", count: 700_000)
    let content = (0..<40_000).map { "\($0),row \($0)\r\n" }.joined() + "\(long),\"\(long)\"\r\n"
    let rows = try ImportReading(content).rows()
    #expect(rows.count == 40_001)
    for number in [0, 17_321, 39_999] {
      #expect(rows[number] == SeenRow(number + 1, text("\(number)", "row \(number)")))
    }
    #expect(rows.last == SeenRow(40_001, text(long, long)))
    #expect(rows.allSatisfy { $0.values.count == 2 })
  }

  @Test("reading goes on at a place that was left, and refuses a file that was changed since")
  func places() throws {
    let reading = try ImportReading("n,v\na,1\n\nb,2\nc,3\n", header: true)
    let reader = try reading.open()
    var row = ImportRow()
    #expect(try reader.next(&row) && reader.next(&row))
    let place = try reader.place()
    #expect(place.line == 4)
    let second = try reading.open(at: place)
    #expect(second.header == ["n", "v"])
    #expect(try ImportReading.rest(of: second) == [SeenRow(5, text("c", "3"))])

    try reading.replace(Array("n,v\na,1\n\nb,2\nc,4\n".utf8))
    #expect(throws: StreamFailure.self) { try reading.open(at: place) }
    #expect(throws: StreamFailure.self) { try reader.place() }
  }

  @Test("only a regular file below data/ is read, over no symlink")
  func files() throws {
    var reading = try ImportReading("a\n")
    let data = reading.spool.layout.data
    for (name, target) in [("link", "rows"), ("up", "..")] {
      #expect(symlink(target, data.path + "/" + name) == 0)
    }
    for file in ["link", "up/sluice.lock", "missing", "missing/rows", "."] {
      reading.request.file = file
      #expect(throws: StreamFailure.self) { try reading.open() }
    }
    try data.makeDirectory("sub")
    try data.rename("rows", to: data.directory("sub"), "rows")
    reading.request.file = "sub/rows"
    #expect(try reading.rows() == [SeenRow(1, text("a"))])
  }
}
