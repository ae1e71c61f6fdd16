import JSON
import Sluice

/// Reads the rows of a CSV file.
final class CSVRowReader: ImportReader {
  /// Bytes of one row: what a stray quote can make of the lines behind it.
  static let rowMax = 64 << 20

  let header: [String]?
  let headerFault: RowFault?
  private let origin: ImportOrigin
  private var buffer: ImportBuffer
  private let parser: CSVParser
  private let delimiter: UInt8

  /// - Parameter place: nil for the first row.
  init(
    _ origin: ImportOrigin, _ buffer: consuming ImportBuffer, _ request: ImportRequest,
    at place: ImportPlace?
  ) throws(FileError) {
    self.origin = origin
    delimiter = request.delimiter
    parser = CSVParser(delimiter: delimiter)
    try buffer.skipMark()
    var names: [String]?
    var fault: RowFault?
    if request.header {
      var row = ImportRow()
      if try Self.read(&row, &buffer, parser, delimiter) { fault = row.fault }
      names = row.ends.indices.map { index in
        if case .text(let name) = row.value(index) { name } else { "" }
      }
    }
    header = names
    headerFault = fault
    try buffer.begin(at: place, fromLine: request.fromLine)
    self.buffer = buffer
  }

  func next(_ row: inout ImportRow) throws(StreamFailure) -> Bool {
    do throws(FileError) {
      return try Self.read(&row, &buffer, parser, delimiter)
    } catch {
      throw .unreadable("\(error)")
    }
  }

  func place() throws(StreamFailure) -> ImportPlace { try origin.place(buffer) }

  /// Reads one row; statically, since a header is read before there is a `self`.
  private static func read(
    _ row: inout ImportRow, _ buffer: inout ImportBuffer, _ parser: CSVParser,
    _ delimiter: UInt8
  ) throws(FileError) -> Bool {
    row.clear()
    var line = buffer.linesBefore + 1
    /// Behind the row's first line, where reading goes on if its end is never found.
    var secondLine: (offset: Int64, linesBefore: Int)?
    var size = 0
    while let piece = try buffer.piece() {
      if size == 0, piece.endsLine, isBlank(piece.bytes, delimiter) {
        line = buffer.linesBefore + 1
        continue
      }
      size += piece.bytes.count
      let count = parser.read(piece.bytes)
      if count < piece.bytes.count {
        row.fault = fault(parser.ends.count + 1)
        parser.reset()
        row.line = line
        if !piece.endsLine { try buffer.skipLine() }
        return true
      }
      if parser.rowsEnded > 0 {
        finish(&row, line, parser)
        return true
      }
      if piece.endsLine, secondLine == nil { secondLine = (buffer.offset, buffer.linesBefore) }
      if size > rowMax { break }
    }
    if size == 0 { return false }
    row.line = line
    if size <= rowMax, parser.finish() {
      finish(&row, line, parser)
      return true
    }
    row.fault = RowFault(
      size > rowMax
        ? "the row has more than \(rowMax) bytes: a quote is missing, or one too many"
        : "the file ends inside quotes that this row opened",
      column: parser.ends.count + 1)
    parser.reset()
    if let secondLine {
      buffer.move(to: secondLine.offset, linesBefore: secondLine.linesBefore)
    } else {
      try buffer.skipLine()
    }
    return true
  }

  private static func finish(_ row: inout ImportRow, _ line: Int, _ parser: CSVParser) {
    row.line = line
    parser.take(&row)
    if row.text.withUnsafeBytes({ UTF8Text.isValid($0) }) { return }
    let wrong = row.ends.indices.first { index in
      guard row.ends[index] >= 0 else { return false }
      let field = row.text[row.start(of: index)..<row.ends[index]]
      return field.withUnsafeBytes { !UTF8Text.isValid($0) }
    }
    row.fault = RowFault(
      "it is not UTF-8; convert the file, for example with iconv", column: (wrong ?? 0) + 1)
  }

  private static func fault(_ column: Int) -> RowFault {
    RowFault(
      "a quote inside a field: a field with quotes stands in quotes, each of them doubled",
      column: column)
  }

  /// Whether nothing but blanks stand there, none of which parts two fields.
  private static func isBlank(_ bytes: UnsafeRawBufferPointer, _ delimiter: UInt8) -> Bool {
    for byte in bytes {
      guard byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d, byte != delimiter else {
        return false
      }
    }
    return true
  }
}
