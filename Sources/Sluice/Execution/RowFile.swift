import JSON
import SQLite

/// Renders rows into a file of their own, a line each.
struct RowFile {
  private let output: ReadOutput
  private let name: String
  private var lines: Lines
  private var objectNames: [String]?
  private var count = 0
  private var size = 0

  private enum Lines {
    case csv(CSVText)
    case json(JSONWriter)
  }

  /// - Returns: nil where there is no place for files.
  init?(_ format: ResultFormat, _ output: ReadOutput) {
    guard let sink = output.beginRows(format) else { return nil }
    self.output = output
    name = sink.name
    lines = format == .csv ? .csv(CSVText()) : .json(JSONWriter())
  }

  mutating func begin(_ names: [String], asObjects: Bool) {
    if asObjects { objectNames = names }
    guard case .csv(var text) = lines else { return }
    lines = .csv(CSVText())
    for name in names { text.name(name) }
    text.endLine()
    lines = .csv(text)
  }

  mutating func add(_ row: Statement) throws(JobStop) {
    count += 1
    // Taken out of the enum for the time, so that the buffer is not copied.
    switch lines {
    case .csv(var text):
      lines = .csv(CSVText())
      for column in 0..<row.columnCount { text.value(of: row, column) }
      text.endLine()
      try flush(&text.bytes, atLeast: ReadOutput.piece)
      lines = .csv(text)
    case .json(var writer):
      lines = .csv(CSVText())
      writer.row(row, names: objectNames)
      writer.newline()
      try flush(&writer.bytes, atLeast: ReadOutput.piece)
      lines = .json(writer)
    }
  }

  /// Writes what is left, and tells the result of the file.
  mutating func finish(_ writer: inout JSONWriter) throws(JobStop) {
    switch lines {
    case .csv(var text): try flush(&text.bytes, atLeast: 0)
    case .json(var lines): try flush(&lines.bytes, atLeast: 0)
    }
    writer.beginObject()
    writer.field("file", name)
    writer.field("count", count)
    writer.field("bytes", size)
    writer.endObject()
  }

  private mutating func flush(_ bytes: inout [UInt8], atLeast least: Int) throws(JobStop) {
    guard bytes.count >= least else { return }
    size += bytes.count
    try output.writeRows(&bytes)
  }
}
