/// Words, quoted names and single signs of SQL, without white space and comments.
public struct SQLWords {
  public struct Word {
    /// Without its quotes; those doubled inside stay so.
    public private(set) var text: Slice<UnsafeBufferPointer<UInt8>>
    public private(set) var isQuoted = false

    /// Whether it is that keyword, given in lower case.
    public func isWord(_ word: StaticString) -> Bool {
      guard !isQuoted, text.count == word.utf8CodeUnitCount else { return false }
      return word.withUTF8Buffer { expected in
        zip(text, expected).allSatisfy { $0 | 0x20 == $1 }
      }
    }

    /// Whether it begins as the names of Sluice's own tables do, `_sluice_`.
    public var isReserved: Bool {
      let prefix: StaticString = "_sluice_"
      return text.count >= prefix.utf8CodeUnitCount
        && prefix.withUTF8Buffer { expected in
          zip(text, expected).allSatisfy { $0 == $1 || $0 | 0x20 == $1 && $1 != 0x5f }
        }
    }
  }

  private let sql: UnsafeBufferPointer<UInt8>
  private var at = 0

  public init(_ sql: UnsafeBufferPointer<UInt8>) { self.sql = sql }

  public mutating func next() -> Word? {
    skipBlank()
    guard at < sql.count else { return nil }
    let start = at
    switch sql[at] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return quoted(sql[at])
    case UInt8(ascii: "["): return quoted(UInt8(ascii: "]"))
    default:
      while at < sql.count, Self.isWordByte(sql[at]) { at += 1 }
      if at == start { at += 1 }
      return Word(text: sql[start..<at])
    }
  }

  private mutating func quoted(_ quote: UInt8) -> Word {
    at += 1
    let start = at
    while at < sql.count {
      if sql[at] == quote {
        guard quote != UInt8(ascii: "]"), at + 1 < sql.count, sql[at + 1] == quote else { break }
        at += 1
      }
      at += 1
    }
    let end = at
    at = min(at + 1, sql.count)
    return Word(text: sql[start..<min(end, sql.count)], isQuoted: true)
  }

  private mutating func skipBlank() {
    while at < sql.count {
      let byte = sql[at]
      let next = at + 1 < sql.count ? sql[at + 1] : 0
      if byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) {
        at += 1
      } else if byte == UInt8(ascii: "-"), next == byte {
        while at < sql.count, sql[at] != 0x0a { at += 1 }
      } else if byte == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
        at += 2
        while at < sql.count,
          !(sql[at] == UInt8(ascii: "*") && at + 1 < sql.count && sql[at + 1] == UInt8(ascii: "/"))
        {
          at += 1
        }
        at = min(at + 2, sql.count)
      } else {
        return
      }
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xff:
      true
    default: false
    }
  }
}
