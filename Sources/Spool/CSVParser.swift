import CCSV
import Glibc
import Sluice

/// libcsv's parser, which takes a file in pieces and gives its fields; strict (RFC 4180), blanks kept.
final class CSVParser {
  /// The fields of the row that is being read.
  private(set) var text: [UInt8] = []
  private(set) var ends: [Int] = []
  private(set) var rowsEnded = 0
  private let parser: UnsafeMutablePointer<csv_parser>

  init(delimiter: UInt8) {
    parser = .allocate(capacity: 1)
    parser.initialize(to: csv_parser())
    let options = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL
    csv_init(parser, UInt8(options))
    csv_set_delim(parser, delimiter)
    // Blanks belong to a field; libcsv would strip them.
    csv_set_space_func(parser) { _ in 0 }
    text.reserveCapacity(1024)
    ends.reserveCapacity(32)
  }

  deinit {
    csv_free(parser)
    parser.deallocate()
  }

  /// Whether nothing of a row has been read since the last one ended.
  var isBetweenRows: Bool { parser.pointee.pstate == 0 && ends.isEmpty }

  /// Reads some bytes; `rowsEnded` tells whether a row ended with them.
  /// - Returns: how many were read; fewer than there are where they are no CSV.
  func read(_ bytes: UnsafeRawBufferPointer) -> Int {
    csv_parse(
      parser, bytes.baseAddress, bytes.count, Self.field, Self.row,
      Unmanaged.passUnretained(self).toOpaque())
  }

  /// The file has ended: so has the last row.
  /// - Returns: false where it ended inside quotes.
  func finish() -> Bool {
    csv_fini(parser, Self.field, Self.row, Unmanaged.passUnretained(self).toOpaque()) == 0
  }

  /// Takes the row out, leaving its storage for the next one.
  func take(_ row: inout ImportRow) {
    swap(&text, &row.text)
    swap(&ends, &row.ends)
    row.isText = true
    forget()
  }

  /// Drops what there is of a row.
  func reset() {
    parser.pointee.pstate = 0
    parser.pointee.quoted = 0
    parser.pointee.spaces = 0
    parser.pointee.entry_pos = 0
    parser.pointee.status = 0
    forget()
  }

  private func forget() {
    text.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    rowsEnded = 0
  }

  private static let field:
    @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Void = {
      bytes, count, context in
      guard let context else { return }
      let parser = Unmanaged<CSVParser>.fromOpaque(context).takeUnretainedValue()
      guard let bytes else { return parser.ends.append(-1 - parser.text.count) }
      parser.text.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
      parser.ends.append(parser.text.count)
    }

  private static let row: @convention(c) (Int32, UnsafeMutableRawPointer?) -> Void = {
    _, context in
    guard let context else { return }
    Unmanaged<CSVParser>.fromOpaque(context).takeUnretainedValue().rowsEnded += 1
  }
}
