import JSON
import SQLite
import Sluice

/// Reads the rows of a JSON Lines file: arrays of values, or objects of columns and values.
final class JSONRowReader: ImportReader {
  /// Bytes of one line.
  static let lineMax = 64 << 20

  let header: [String]? = nil
  private let origin: ImportOrigin
  private var buffer: ImportBuffer

  /// - Parameter place: nil for the first row.
  init(
    _ origin: ImportOrigin, _ buffer: consuming ImportBuffer, _ request: ImportRequest,
    at place: ImportPlace?
  ) throws(FileError) {
    self.origin = origin
    try buffer.skipMark()
    try buffer.begin(at: place, fromLine: request.fromLine)
    self.buffer = buffer
  }

  func place() throws(StreamFailure) -> ImportPlace { try origin.place(buffer) }

  func next(_ row: inout ImportRow) throws(StreamFailure) -> Bool {
    do throws(FileError) {
      return try read(&row)
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private func read(_ row: inout ImportRow) throws(FileError) -> Bool {
    row.clear()
    row.isText = false
    while let piece = try buffer.line(most: Self.lineMax) {
      row.line = buffer.linesBefore + (piece.endsLine ? 0 : 1)
      if piece.bytes.allSatisfy({ $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0d) }) { continue }
      if piece.bytes.count > Self.lineMax {
        row.fault = RowFault("the line has more than \(Self.lineMax) bytes", column: 1)
        if !piece.endsLine { try buffer.skipLine() }
        return true
      }
      do throws(RowFault) {
        try Self.decode(piece.bytes, into: &row)
      } catch {
        row.fault = error
      }
      return true
    }
    return false
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, into row: inout ImportRow
  ) throws(RowFault) {
    let root = try parse(bytes)
    switch root.value {
    case .array(let elements):
      for element in elements { row.values.append(try value(of: element)) }
    case .object(let members):
      var names: [String] = []
      for member in members {
        names.append(member.key)
        row.values.append(try value(of: member.node))
      }
      row.names = names
    case .null, .bool, .integer, .real, .string:
      throw RowFault(
        "a row is an array of values or an object of columns", column: root.range.lowerBound + 1,
        code: SluiceCode.badJSON)
    }
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) throws(RowFault) -> JSONNode {
    let parsed = bytes.withMemoryRebound(to: UInt8.self) { text in
      Result { () throws(JSONError) in try JSONReader.parse(text) }
    }
    switch parsed {
    case .success(let root): return root
    case .failure(let error):
      throw RowFault(error.message, column: error.column, code: SluiceCode.badJSON)
    }
  }

  private static func value(of node: JSONNode) throws(RowFault) -> Value {
    switch node.value {
    case .null: return .null
    case .bool(let flag): return .integer(flag ? 1 : 0)
    case .integer(let number): return .integer(number)
    case .real(let number): return .real(number)
    case .string(let text): return .text(text)
    case .object(let members):
      if members.count == 1, members[0].key == "$blob", let text = members[0].node.string,
        let blob = try? Base64.decode(text)
      {
        return .blob(blob)
      }
    case .array: break
    }
    throw RowFault(
      "a value is null, a number, a string, true, false or {\"$blob\":\"base64\"}",
      column: node.range.lowerBound + 1, code: SluiceCode.badJSON)
  }
}
