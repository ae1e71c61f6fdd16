import JSON
import SQLite

/// Writes rows as CSV by RFC 4180, each line ended by a line feed: NULL empty, an empty string `""`,
/// what is no UTF-8 text in base64.
struct CSVText {
  var bytes: [UInt8] = []
  private var isFirst = true

  mutating func endLine() {
    bytes.append(0x0a)
    isFirst = true
  }

  mutating func name(_ name: String) {
    separate()
    var name = name
    name.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  mutating func value(of row: Statement, _ column: Int) {
    separate()
    switch row.storageClass(column) {
    case .null: break
    case .integer: number { $0.integer(row.integer(column)) }
    case .real: number { $0.real(row.real(column)) }
    case .text:
      let isText = row.withBytes(column) { text -> Bool in
        guard UTF8Text.isValid(text) else { return false }
        append(text)
        return true
      }
      if !isText { Base64.encode(row.bytes(column), into: &bytes) }
    case .blob:
      let blob = row.bytes(column)
      if blob.isEmpty { append(UnsafeRawBufferPointer(start: nil, count: 0)) }
      Base64.encode(blob, into: &bytes)
    }
  }

  private mutating func separate() {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
  }

  private mutating func number(_ write: (inout JSONWriter) -> Void) {
    var writer = JSONWriter(reusing: bytes)
    bytes = []
    write(&writer)
    bytes = writer.bytes
  }

  private mutating func append(_ text: UnsafeRawBufferPointer) {
    let quote = UInt8(ascii: "\"")
    let isPlain = text.allSatisfy { byte in
      byte != quote && byte != UInt8(ascii: ",") && byte != 0x0a && byte != 0x0d
    }
    if isPlain, !text.isEmpty {
      bytes.append(contentsOf: text)
      return
    }
    bytes.append(quote)
    for byte in text {
      if byte == quote { bytes.append(quote) }
      bytes.append(byte)
    }
    bytes.append(quote)
  }
}
