import JSON
import SQLite

/// Renders what one statement returns, and counts it against what is expected.
struct StatementOutput {
  private let index: Int
  private let options: ResultOptions
  private let isRead: Bool
  private var file: RowFile?
  private var names: [String]?
  private var isTruncated = false
  private var firstValue: Value?
  private(set) var rowCount = 0
  /// Rows inserted, updated or deleted, over all runs of the statement.
  var changes: Int64 = 0

  /// - Parameter file: where the rows go instead of the result.
  init(index: Int, options: ResultOptions, isRead: Bool, file: RowFile? = nil) {
    self.index = index
    self.options = options
    self.isRead = isRead
    self.file = file
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
    if file != nil {
      try file?.add(row)
    } else {
      writer.row(row, names: options.objects ? names : nil)
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
    if file == nil { writer.beginArray() } else { file?.begin(names, asObjects: options.objects) }
    guard options.objects, Set(names).count < names.count else { return }
    let twice = names.first { name in names.filter { $0 == name }.count > 1 } ?? ""
    throw .rejected(
      JobError(
        .request, SluiceCode.badJob, "two columns are named \(twice), so rows cannot be objects",
        statement: index, hint: "name one of them with AS, or leave out \"objects\""))
  }

  /// Closes what `begin` opened.
  mutating func finish(_ writer: inout JSONWriter) throws(JobStop) {
    guard names != nil else { return }
    if file == nil { writer.endArray() } else { try file?.finish(&writer) }
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
  /// The current row as an array, or as an object where there are names.
  mutating func row(_ row: Statement, names: [String]?) {
    if let names {
      beginObject()
      for (column, name) in names.enumerated() {
        key(name)
        value(of: row, column)
      }
      endObject()
    } else {
      beginArray()
      for column in 0..<row.columnCount { value(of: row, column) }
      endArray()
    }
  }

  mutating func value(of row: Statement, _ column: Int) {
    switch row.storageClass(column) {
    case .null: null()
    case .integer: integer(row.integer(column))
    case .real: real(row.real(column))
    case .text:
      let isText = row.withBytes(column) { text -> Bool in
        guard UTF8Text.isValid(text) else { return false }
        string(utf8: text)
        return true
      }
      // What is not UTF-8 cannot be a JSON string.
      if !isText { blob(row.bytes(column)) }
    case .blob: blob(row.bytes(column))
    }
  }
}
