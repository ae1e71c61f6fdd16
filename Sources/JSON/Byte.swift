/// The bytes that JSON's grammar names.
enum Byte {
  static var tab: UInt8 { 0x09 }
  static var lineFeed: UInt8 { 0x0a }
  static var carriageReturn: UInt8 { 0x0d }
  static var space: UInt8 { 0x20 }
  static var quote: UInt8 { 0x22 }
  static var plus: UInt8 { 0x2b }
  static var comma: UInt8 { 0x2c }
  static var minus: UInt8 { 0x2d }
  static var point: UInt8 { 0x2e }
  static var zero: UInt8 { 0x30 }
  static var nine: UInt8 { 0x39 }
  static var colon: UInt8 { 0x3a }
  static var bracketOpen: UInt8 { 0x5b }
  static var backslash: UInt8 { 0x5c }
  static var bracketClose: UInt8 { 0x5d }
  static var braceOpen: UInt8 { 0x7b }
  static var braceClose: UInt8 { 0x7d }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= zero && byte <= nine }

  /// The value of a hexadecimal digit of either case.
  static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case zero...nine: UInt32(byte - zero)
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}

/// Well-formed UTF-8, by table 3-7 of the Unicode standard.
enum UTF8Sequence {
  static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

  /// Length in bytes of the well-formed character at `index`; nil where there is none.
  static func length(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
    let lead = bytes[index]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch lead {
    case 0x00...0x7f: return 1
    case 0xc2...0xdf: length = 2
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xe1...0xef: length = 3
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    case 0xf1...0xf3: length = 4
    default: return nil
    }
    guard bytes.count - index >= length, second.contains(bytes[index + 1]) else { return nil }
    for following in (index + 2)..<max(index + 2, index + length)
    where !isContinuation(bytes[following]) {
      return nil
    }
    return length
  }
}
