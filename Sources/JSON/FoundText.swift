extension JSONFault {
  /// Longest excerpt of a text in a message, in characters.
  private static let excerptMax = 24

  /// A string in double quotes, cut to a length fit for a message.
  static func quoted(_ text: String) -> String {
    let excerpt = text.unicodeScalars.prefix(excerptMax)
    let ellipsis = excerpt.endIndex < text.unicodeScalars.endIndex ? "…" : ""
    return "\"" + String(String.UnicodeScalarView(excerpt)) + ellipsis + "\""
  }

  /// Names what stands at a byte of a text, for a message.
  static func found(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> String {
    guard index < bytes.count else {
      return bytes.isEmpty ? "an empty text" : "the end of the text"
    }
    let byte = bytes[index]
    guard let length = UTF8Sequence.length(in: bytes, at: index) else {
      return "the byte 0x\(hexadecimal(UInt32(byte), width: 2)), which is not UTF-8"
    }
    if byte < 0x20 || byte == 0x7f {
      return "the control character U+\(hexadecimal(UInt32(byte), width: 4))"
    }
    if byte == UInt8(ascii: "'") { return "a single quote (strings take double quotes)" }
    if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "#") {
      return "'\(Character(Unicode.Scalar(byte)))' (JSON has no comments)"
    }
    if isWordByte(byte) {
      let word = bytes[index...].prefix(excerptMax).prefix(while: isWordByte)
      return "'\(String(decoding: word, as: UTF8.self))'"
    }
    return "'\(String(decoding: bytes[index..<(index + length)], as: UTF8.self))'"
  }

  static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      Byte.zero...Byte.nine, UInt8(ascii: "_"):
      true
    default: false
    }
  }

  static func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
