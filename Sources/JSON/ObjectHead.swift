/// Strings among the first fields of a JSON object, found in the beginning of its text: enough to
/// tell what became of a job without reading all of its rows.
public enum ObjectHead {
  /// Bytes that hold the fields of a result up to its `status`, `meta` included.
  public static let resultBytes = 16 << 10

  /// The fields named that stand within `text`, as far as they are strings.
  public static func strings(_ names: Set<String>, in text: ArraySlice<UInt8>) -> [String: String] {
    var scanner = Scanner(rest: text)
    var found: [String: String] = [:]
    guard scanner.skip(UInt8(ascii: "{")) else { return found }
    while found.count < names.count {
      guard let key = scanner.value(), scanner.skip(UInt8(ascii: ":")),
        let value = scanner.value()
      else { return found }
      if let name = string(key), names.contains(name), let text = string(value) {
        found[name] = text
      }
      guard scanner.skip(UInt8(ascii: ",")) else { return found }
    }
    return found
  }

  private static func string(_ text: ArraySlice<UInt8>) -> String? {
    guard text.first == UInt8(ascii: "\"") else { return nil }
    return (try? JSONReader.parse(text))?.string
  }

  private struct Scanner {
    var rest: ArraySlice<UInt8>

    /// Steps over `byte` and the white space in front of it.
    mutating func skip(_ byte: UInt8) -> Bool {
      rest = rest.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
      guard rest.first == byte else { return false }
      rest = rest.dropFirst()
      return true
    }

    /// The text of the value that stands next; nil where it is not whole.
    mutating func value() -> ArraySlice<UInt8>? {
      rest = rest.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
      let start = rest.startIndex
      var depth = 0
      var isString = false
      var index = start
      while index < rest.endIndex {
        let byte = rest[index]
        index += 1
        if isString {
          if byte == UInt8(ascii: "\\") { index += 1 }
          if byte == UInt8(ascii: "\"") { isString = false }
        } else {
          switch byte {
          case UInt8(ascii: "\""): isString = true
          case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
          case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
          default: break
          }
        }
        guard depth == 0, !isString, index < rest.endIndex else { continue }
        let next = rest[index]
        let isEnd = ",:}] \n\r\t".utf8.contains(next)
        guard isEnd else { continue }
        defer { rest = rest[index...] }
        return rest[start..<index]
      }
      return nil
    }
  }
}
