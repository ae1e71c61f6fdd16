import JSON
import Testing

@Suite struct Base64Tests {
  @Test(
    "the vectors of RFC 4648 hold both ways",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func vectors(plain: String, encoded: String) throws {
    #expect(encode(Array(plain.utf8)) == encoded)
    #expect(try Base64.decode(encoded) == Array(plain.utf8))
  }

  @Test("any bytes come back")
  func roundTrip() throws {
    for length in 0..<70 {
      let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length &* 101) }
      #expect(try Base64.decode(encode(data)) == data)
    }
  }

  @Test(
    "what is not exactly base64 is refused",
    arguments: [
      "Zg", "Zg=", "Zg===", "Z", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v==", "Zm9-", "Zm9_", "====",
      "=AAA", "Z===", "Zg==Zg==", "Zm9é",
    ])
  func invalid(text: String) {
    #expect(throws: Base64.Failure.self) { try Base64.decode(text) }
  }

  private func encode(_ data: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64.encode(data, into: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
