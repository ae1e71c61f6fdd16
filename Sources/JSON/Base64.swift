/// Base64 by RFC 4648, section 4: the standard alphabet, padding required, no white space.
public enum Base64 {
  /// Why a text is not base64.
  public struct Failure: Error, Sendable, Equatable {
    /// What is wrong, fit to follow a colon.
    public var message: String
  }

  public static func encode(_ data: [UInt8], into text: inout [UInt8]) {
    text.reserveCapacity(text.count + (data.count + 2) / 3 * 4)
    var index = 0
    while index < data.count {
      let left = data.count - index
      let first = data[index]
      let second = left > 1 ? data[index + 1] : 0
      let third = left > 2 ? data[index + 2] : 0
      text.append(alphabet[Int(first >> 2)])
      text.append(alphabet[Int((first & 0x03) << 4 | second >> 4)])
      text.append(left > 1 ? alphabet[Int((second & 0x0f) << 2 | third >> 6)] : padding)
      text.append(left > 2 ? alphabet[Int(third & 0x3f)] : padding)
      index += 3
    }
  }

  /// The bytes that `text` stands for; there is exactly one text for each sequence of bytes.
  public static func decode(_ text: String) throws(Failure) -> [UInt8] {
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else {
      throw Failure(message: "its length \(characters.count) is not a multiple of 4")
    }
    let padded = characters.suffix(2).reversed().prefix(while: { $0 == padding }).count
    var data: [UInt8] = []
    data.reserveCapacity(characters.count / 4 * 3)
    var accumulator: UInt32 = 0
    for (index, character) in characters.dropLast(padded).enumerated() {
      guard let digit = digit(character) else {
        throw Failure(message: "the character at \(index) is not of its alphabet")
      }
      accumulator = accumulator << 6 | digit
      if index % 4 == 3 {
        append(accumulator, count: 3, to: &data)
        accumulator = 0
      }
    }
    if padded > 0 {
      guard accumulator & (padded == 1 ? 0x03 : 0x0f) == 0 else {
        throw Failure(message: "its last character has bits that mean nothing")
      }
      append(accumulator << UInt32(6 * padded), count: 3 - padded, to: &data)
    }
    return data
  }

  /// Appends the first `count` of the three bytes in `group`.
  private static func append(_ group: UInt32, count: Int, to data: inout [UInt8]) {
    data.append(UInt8(truncatingIfNeeded: group >> 16))
    if count > 1 { data.append(UInt8(truncatingIfNeeded: group >> 8)) }
    if count > 2 { data.append(UInt8(truncatingIfNeeded: group)) }
  }

  private static let padding = UInt8(ascii: "=")
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func digit(_ character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case Byte.zero...Byte.nine: UInt32(character - Byte.zero) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
