import SQLite
import Sluice
import Spool
import TestSupport

/// What an import reader made of one row.
struct SeenRow: Equatable {
  var line: Int
  var values: [Value] = []
  var names: [String]?
  /// The column of a bad row.
  var bad: Int?

  init(_ line: Int, _ values: [Value], names: [String]? = nil) {
    self.line = line
    self.values = values
    self.names = names
  }

  init(_ line: Int, badAt column: Int) {
    self.line = line
    bad = column
  }

  init(_ row: ImportRow) {
    line = row.line
    bad = row.fault?.column
    guard bad == nil else { return }
    names = row.names
    values = (0..<row.count).map { row.value($0) }
  }
}

/// Puts a file into `data/` of a fresh spool and reads it as an import does.
struct ImportReading {
  let spool: TemporarySpool
  var request: ImportRequest

  init(_ content: String, format: ImportRequest.Format = .csv, header: Bool = false) throws {
    try self.init(bytes: Array(content.utf8), format: format, header: header)
  }

  init(bytes: [UInt8], format: ImportRequest.Format = .csv, header: Bool = false) throws {
    spool = try TemporarySpool()
    request = ImportRequest(file: "rows", table: "t", format: format)
    request.header = header
    try replace(bytes)
  }

  func replace(_ bytes: [UInt8]) throws {
    try spool.layout.data.create("rows").write(bytes)
  }

  func open(at place: ImportPlace? = nil) throws -> any ImportReader {
    try ImportFiles(spool.layout).open(request, at: place)
  }

  func rows() throws -> [SeenRow] { try Self.rest(of: open()) }

  static func rest(of reader: any ImportReader) throws -> [SeenRow] {
    var row = ImportRow()
    var rows: [SeenRow] = []
    while try reader.next(&row) { rows.append(SeenRow(row)) }
    return rows
  }
}
