import JSON

/// How far an import has come: the sum of its chunks.
struct ImportProgress: Sendable, Equatable {
  /// Bad rows told in the result.
  static let errorsMax = 20

  var imported: Int64 = 0
  /// Rows that were left out: bad ones, and those that were there already.
  var skipped: Int64 = 0
  /// Bad rows in `errors`.
  private(set) var errorCount = 0
  /// The first bad rows, JSON objects with commas between them.
  private(set) var errors: [UInt8] = []
  /// Where the next row begins; nil before the first chunk is committed.
  var place: ImportPlace?
  /// The transaction of the last chunk.
  var commit: Int64?
  var started: Timestamp?
  /// Seconds that the chunks ran, together.
  var ran = 0.0

  init() {}

  init(errors: [UInt8], count: Int) {
    self.errors = errors
    errorCount = count
  }

  mutating func add(_ row: RowError) {
    guard errorCount < Self.errorsMax else { return }
    if errorCount > 0 { errors.append(UInt8(ascii: ",")) }
    errorCount += 1
    var writer = JSONWriter(reusing: errors)
    errors = []
    writer.beginObject()
    writer.field("line", row.line)
    writer.field("column", row.error.column)
    writer.field("kind", row.error.kind.rawValue)
    writer.field("code", row.error.code)
    writer.field("message", row.error.message)
    writer.endObject()
    errors = writer.bytes
  }

  /// The members of a result that tell of the rows.
  /// - Parameter committedThrough: the line up to which they are in, where the import ended
  ///   part-way.
  func members(committedThrough: Int? = nil) -> [UInt8] {
    var text = Array("\"imported\":\(imported),\"skipped\":\(skipped),\"errors\":[".utf8)
    text += errors
    text.append(UInt8(ascii: "]"))
    if let committedThrough { text += Array(",\"committed_through\":\(committedThrough)".utf8) }
    return text
  }
}

/// A row that could not be loaded.
struct RowError: Error, Sendable, Equatable {
  /// The physical line it begins in.
  var line: Int
  var error: JobError

  /// - Parameter column: nil where the error tells it.
  init(line: Int, _ error: JobError, column: Int? = nil) {
    self.line = line
    self.error = error
    self.error.line = line
    if let column { self.error.column = column }
  }
}

/// What an id remembers of an import: the members of its result.
struct RememberedImport {
  let members: [UInt8]

  /// The line up to which it came where it ended part-way; nil where it is done.
  var committedThrough: Int? {
    let text = [UInt8(ascii: "{")] + members + [UInt8(ascii: "}")]
    guard let root = try? JSONReader.parse(text) else { return nil }
    return root["committed_through"]?.integer.flatMap { Int(exactly: $0) }
  }
}
