import SQLite

/// What a column of a new table is declared as, judged by the values of its first rows.
enum ColumnType: Equatable {
  /// Nothing but NULL so far.
  case unknown
  case integer
  case real
  case text
  case blob
  /// Values that no one type holds as they are.
  case mixed

  /// The type in CREATE TABLE, with a space before it; none keeps every value as it is.
  var declaration: String {
    switch self {
    case .integer: " INTEGER"
    case .real: " REAL"
    case .unknown, .text: " TEXT"
    case .blob: " BLOB"
    case .mixed: ""
    }
  }

  /// - Parameter isText: whether a text may stand for a number, as in CSV.
  mutating func meet(_ value: Value, isText: Bool) {
    let type: ColumnType
    switch value {
    case .null: return
    case .integer: type = .integer
    case .real: type = .real
    case .blob: type = .blob
    case .text(let text): type = isText ? Self.type(of: text) : .text
    }
    switch (self, type) {
    case (.unknown, _): self = type
    case (.integer, .real), (.real, .integer): self = .real
    case (let old, let new) where old == new: break
    // In CSV everything is text that may look like a number.
    default: self = isText ? .text : .mixed
    }
  }

  /// A number only where SQLite would give the same text back: `007` and `+49` are none.
  private static func type(of text: String) -> ColumnType {
    var digits = Substring(text).utf8
    if digits.first == UInt8(ascii: "-") { digits.removeFirst() }
    guard let first = digits.first, isDigit(first) else { return .text }
    let second = digits.dropFirst().first
    if first == UInt8(ascii: "0"), let second, isDigit(second) { return .text }
    if digits.allSatisfy(isDigit) { return Int64(text) == nil ? .text : .integer }
    let isNumber = digits.allSatisfy { byte in
      isDigit(byte) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains(byte)
    }
    return isNumber && Double(text) != nil ? .real : .text
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
