/// Recognises the statements of a dump that make or fill a table of Sluice's own: CREATE TABLE,
/// CREATE INDEX and INSERT whose target is a `_sluice_*` table.
public enum ReservedTarget {
  private static let prefix = Array("_sluice_".utf8)

  /// - Parameter sql: the statement, or so much of it that its target is there.
  public static func isReserved(_ sql: UnsafeBufferPointer<UInt8>) -> Bool {
    var words = SQLWords(sql)
    guard let first = words.next(), !first.isQuoted else { return false }
    switch first.text.first.map({ $0 | 0x20 }) {
    case UInt8(ascii: "i") where first.isWord("insert"): return insertTarget(&words)
    case UInt8(ascii: "c") where first.isWord("create"): return createTarget(&words)
    default: return false
    }
  }

  /// Whether the prefix of reserved names stands somewhere in it.
  static func isMentioned(in sql: UnsafeBufferPointer<UInt8>) -> Bool {
    sql.indices.contains { index in
      sql[index] == prefix[0] && sql[index...].count >= prefix.count
        && zip(sql[index...], prefix).allSatisfy { $0 == $1 || ($0 | 0x20 == $1 && $1 != 0x5f) }
    }
  }

  /// The same for a part of a text.
  static func isMentioned(in sql: String, _ range: Range<Int>) -> Bool {
    var sql = sql
    return sql.withUTF8 { isMentioned(in: UnsafeBufferPointer(rebasing: $0[range])) }
  }

  private static func insertTarget(_ words: inout SQLWords) -> Bool {
    guard var word = words.next() else { return false }
    if word.isWord("or") {
      guard words.next() != nil, let into = words.next() else { return false }
      word = into
    }
    return word.isWord("into") && name(&words)
  }

  private static func createTarget(_ words: inout SQLWords) -> Bool {
    guard var word = words.next() else { return false }
    if word.isWord("unique") {
      guard let index = words.next() else { return false }
      word = index
    }
    let isIndex = word.isWord("index")
    guard isIndex || word.isWord("table") else { return false }
    var ahead = words
    if ahead.next()?.isWord("if") == true {
      guard ahead.next()?.isWord("not") == true, ahead.next()?.isWord("exists") == true else {
        return false
      }
      words = ahead
    }
    guard isIndex else { return name(&words) }
    while let next = words.next() {
      if next.isWord("on") { return name(&words) }
      if next.text.first == UInt8(ascii: "("), !next.isQuoted { return false }
    }
    return false
  }

  /// Whether a name follows that is reserved; `main.` may stand before it.
  private static func name(_ words: inout SQLWords) -> Bool {
    guard var name = words.next() else { return false }
    var ahead = words
    if let dot = ahead.next(), !dot.isQuoted, dot.text.elementsEqual([UInt8(ascii: ".")]) {
      guard let second = ahead.next() else { return false }
      name = second
    }
    return name.text.count >= prefix.count
      && zip(name.text, prefix).allSatisfy { $0 == $1 || $0 | 0x20 == $1 && $1 != 0x5f }
  }
}

/// Words, quoted names and single signs of SQL, without white space and comments.
struct SQLWords {
  struct Word {
    /// Without its quotes; those doubled inside stay so.
    var text: Slice<UnsafeBufferPointer<UInt8>>
    var isQuoted = false

    /// Whether it is that keyword, given in lower case.
    func isWord(_ word: StaticString) -> Bool {
      guard !isQuoted, text.count == word.utf8CodeUnitCount else { return false }
      return word.withUTF8Buffer { expected in
        zip(text, expected).allSatisfy { $0 | 0x20 == $1 }
      }
    }
  }

  private let sql: UnsafeBufferPointer<UInt8>
  private var at = 0

  init(_ sql: UnsafeBufferPointer<UInt8>) { self.sql = sql }

  mutating func next() -> Word? {
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
