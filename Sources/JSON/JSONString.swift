extension Parser {
  /// Reads a string that begins here with its quote.
  mutating func string() throws(JSONFault) -> String {
    let opening = at
    at += 1
    let start = at
    try skipPlain(opening: opening)
    if bytes[at] == Byte.quote {
      let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
      at += 1
      return text
    }
    return try escapedString(opening: opening, start: start)
  }

  /// Goes to the next quote or backslash, checking what lies between.
  private mutating func skipPlain(opening: Int) throws(JSONFault) {
    var index = at
    while index < bytes.count {
      let byte = bytes[index]
      if byte == Byte.quote || byte == Byte.backslash {
        at = index
        return
      }
      if byte < Byte.space { throw rawControl(byte, at: index) }
      if byte < 0x80 {
        index += 1
      } else if let length = UTF8Sequence.length(in: bytes, at: index) {
        index += length
      } else {
        at = index
        throw expected("a character of the string")
      }
    }
    throw unclosed(opening)
  }

  /// The rest of a string in which a backslash has been met.
  private mutating func escapedString(opening: Int, start: Int) throws(JSONFault) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(2 * (at - start) + 32)
    var runStart = start
    while bytes[at] != Byte.quote {
      text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[runStart..<at]))
      try escape(into: &text, opening: opening)
      runStart = at
      try skipPlain(opening: opening)
    }
    text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[runStart..<at]))
    at += 1
    return String(decoding: text, as: UTF8.self)
  }

  /// Steps over one escape sequence and appends what it stands for.
  private mutating func escape(into text: inout [UInt8], opening: Int) throws(JSONFault) {
    guard at + 1 < bytes.count else { throw unclosed(opening) }
    let plain: UInt8
    switch bytes[at + 1] {
    case Byte.quote, Byte.backslash, UInt8(ascii: "/"): plain = bytes[at + 1]
    case UInt8(ascii: "n"): plain = Byte.lineFeed
    case UInt8(ascii: "t"): plain = Byte.tab
    case UInt8(ascii: "r"): plain = Byte.carriageReturn
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0c
    case UInt8(ascii: "u"):
      let scalar = try unicodeEscape()
      text.append(contentsOf: String(Character(scalar)).utf8)
      return
    default:
      at += 1
      throw expected("one of \" \\ / b f n r t u after '\\'")
    }
    text.append(plain)
    at += 2
  }

  /// Steps over `\uXXXX`, or over the two that make a surrogate pair.
  private mutating func unicodeEscape() throws(JSONFault) -> Unicode.Scalar {
    let start = at
    let unit = try hexadecimalUnit()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    let isPair =
      unit < 0xdc00 && bytes.count - at >= 2 && bytes[at] == Byte.backslash
      && bytes[at + 1] == UInt8(ascii: "u")
    if isPair {
      let low = try hexadecimalUnit()
      if low >= 0xdc00, low < 0xe000,
        let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
      {
        return scalar
      }
    }
    let half = JSONFault.hexadecimal(unit, width: 4)
    throw fault(
      "expected a surrogate pair, found \\u\(half), which is only one half of one", at: start)
  }

  private mutating func hexadecimalUnit() throws(JSONFault) -> UInt32 {
    at += 2
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard at < bytes.count, let digit = Byte.hexadecimalDigit(bytes[at]) else {
        throw expected("four hexadecimal digits after '\\u'")
      }
      unit = unit << 4 | digit
      at += 1
    }
    return unit
  }

  private func rawControl(_ byte: UInt8, at index: Int) -> JSONFault {
    let escape =
      switch byte {
      case Byte.lineFeed: "\\n"
      case Byte.carriageReturn: "\\r"
      case Byte.tab: "\\t"
      default: "\\u" + JSONFault.hexadecimal(UInt32(byte), width: 4)
      }
    let found = JSONFault.found(in: bytes, at: index)
    return fault("expected \(escape) in a string, found \(found) unescaped", at: index)
  }

  private func unclosed(_ opening: Int) -> JSONFault {
    let place = JSONError(
      kind: .syntax, message: "", offset: opening, pointer: nil, in: bytes)
    return fault(
      "expected '\"' to close the string that begins at line \(place.line), "
        + "column \(place.column), found the end of the text", at: bytes.count)
  }
}
