import JSON

/// How far an import has come: the sum of its chunks.
struct ImportProgress: Sendable, Equatable {
  /// Bad rows told in the result.
  static let errorsMax = 20

  var imported: Int64 = 0
  /// Rows that were left out: bad ones, and those that were there already.
  var skipped: Int64 = 0
  /// The first bad rows.
  var errors: [RowError] = []
  /// Where the next row begins; nil before the first chunk.
  var place: ImportPlace?
  /// Took a transaction down that it had for itself: it is bad without being tried again.
  var condemned: RowError?

  mutating func add(_ error: RowError) {
    if errors.count < Self.errorsMax { errors.append(error) }
  }
}

/// A row that could not be loaded.
struct RowError: Sendable, Equatable {
  /// The physical line it begins in.
  var line: Int
  var error: JobError

  init(line: Int, _ error: JobError, column: Int) {
    self.line = line
    self.error = error
    self.error.line = line
    self.error.column = column
  }
}

/// What the result of an import tells of its rows.
public struct ImportTotals: Sendable, Equatable {
  public var imported: Int64
  public var skipped: Int64
  /// The first bad rows, as a JSON array.
  public var errors: [UInt8]
  /// The line up to which the rows are in, where the import ended part-way.
  public var committedThrough: Int?

  init(_ progress: ImportProgress, committedThrough: Int? = nil) {
    imported = progress.imported
    skipped = progress.skipped
    self.committedThrough = committedThrough
    errors = progress.errorsJSON
  }

  func write(_ writer: inout JSONWriter) {
    writer.field("imported", imported)
    writer.field("skipped", skipped)
    writer.key("errors")
    writer.raw(errors)
    writer.field("committed_through", committedThrough)
  }
}

extension ImportProgress {
  var errorsJSON: [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for row in errors {
      writer.beginObject()
      writer.field("line", row.line)
      writer.field("column", row.error.column)
      writer.field("kind", row.error.kind.rawValue)
      writer.field("code", row.error.code)
      writer.field("message", row.error.message)
      writer.endObject()
    }
    writer.endArray()
    return writer.bytes
  }
}
