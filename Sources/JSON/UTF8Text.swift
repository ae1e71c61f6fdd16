/// Tells whether bytes are UTF-8.
public enum UTF8Text {
  public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // Nearly all text is ASCII: eight bytes at a time, without a decoder.
    var index = 0
    while index + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      if word & 0x8080_8080_8080_8080 != 0 { break }
      index += 8
    }
    while index < bytes.count, bytes[index] < 0x80 { index += 1 }
    if index == bytes.count { return true }
    return String(validating: bytes[index...], as: UTF8.self) != nil
  }
}
