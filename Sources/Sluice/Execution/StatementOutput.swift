import JSON
import SQLite

/// Renders what one statement returns, and counts it against what is expected.
struct StatementOutput {
  private let index: Int
  private let options: ResultOptions
  private let isRead: Bool
  private var names: [String]?
  private var isTruncated = false
  private var firstValue: Value?
  private(set) var rowCount = 0
  /// Rows inserted, updated or deleted, over all runs of the statement.
  var changes: Int64 = 0

  init(index: Int, options: ResultOptions, isRead: Bool) {
    self.index = index
    self.options = options
    self.isRead = isRead
  }

  /// Adds the current row.
  /// - Returns: false where no more rows are wanted and stepping on would change nothing.
  mutating func add(_ row: Statement, _ writer: inout JSONWriter) throws(JobStop) -> Bool {
    try begin(row, &writer)
    if rowCount == 0, row.columnCount > 0 { firstValue = row.value(0) }
    rowCount += 1
    if let most = options.maxRows, rowCount > most {
      isTruncated = true
      return !isRead
    }
    if options.objects {
      writer.beginObject()
      for (column, name) in (names ?? []).enumerated() {
        writer.key(name)
        writer.value(of: row, column)
      }
      writer.endObject()
    } else {
      writer.beginArray()
      for column in 0..<row.columnCount { writer.value(of: row, column) }
      writer.endArray()
    }
    return true
  }

  /// After the last row: a statement without rows still tells its columns.
  mutating func end(_ statement: Statement, _ writer: inout JSONWriter) throws(JobStop) {
    guard names == nil, statement.columnCount > 0 else { return }
    try begin(statement, &writer)
  }

  private mutating func begin(
    _ statement: Statement, _ writer: inout JSONWriter
  ) throws(JobStop) {
    guard names == nil else { return }
    let names = (0..<statement.columnCount).map { statement.columnName($0) }
    self.names = names
    writer.key("columns")
    writer.beginArray()
    for name in names { writer.string(name) }
    writer.endArray()
    writer.key("rows")
    writer.beginArray()
    guard options.objects, Set(names).count < names.count else { return }
    let twice = names.first { name in names.filter { $0 == name }.count > 1 } ?? ""
    throw .rejected(
      JobError(
        .request, SluiceCode.badJob, "two columns are named \(twice), so rows cannot be objects",
        statement: index, hint: "name one of them with AS, or leave out \"objects\""))
  }

  /// Closes what `begin` opened.
  func finish(_ writer: inout JSONWriter) {
    guard names != nil else { return }
    writer.endArray()
    if isTruncated { writer.field("truncated", true) }
  }

  func check(_ expect: Expectation) throws(JobStop) {
    if let wanted = expect.changes, wanted != changes {
      throw mismatch("changes", "\(wanted)", "\(changes)")
    }
    if let wanted = expect.rows, wanted != Int64(rowCount) {
      throw mismatch("rows", "\(wanted)", "\(rowCount)")
    }
    if let wanted = expect.value {
      guard let found = firstValue else { throw mismatch("value", wanted.text, "no row") }
      guard wanted.matches(found) else { throw mismatch("value", wanted.text, found.text) }
    }
  }

  private func mismatch(_ what: String, _ wanted: String, _ found: String) -> JobStop {
    .failed(
      JobError(
        .constraint, SluiceCode.expect, "expected \(what) \(wanted), found \(found)",
        statement: index, hint: "nothing was changed; read the current state and decide anew"))
  }
}

extension Value {
  /// Equal, or an integer and a real of the same number, which SQL does not tell apart either.
  func matches(_ other: Value) -> Bool {
    switch (self, other) {
    case (.integer(let integer), .real(let real)), (.real(let real), .integer(let integer)):
      Int64(exactly: real) == integer
    default: self == other
    }
  }

  /// For messages.
  var text: String {
    switch self {
    case .null: "null"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): "\"\(text.prefix(100))\""
    case .blob(let bytes): "a blob of \(bytes.count) bytes"
    }
  }
}

extension JSONWriter {
  mutating func value(of row: Statement, _ column: Int) {
    switch row.storageClass(column) {
    case .null: null()
    case .integer: integer(row.integer(column))
    case .real: real(row.real(column))
    case .text:
      if case .text(let text) = row.value(column) {
        string(text)
      } else {
        // Not UTF-8, so it cannot be a JSON string.
        blob(row.bytes(column))
      }
    case .blob: blob(row.bytes(column))
    }
  }
}
