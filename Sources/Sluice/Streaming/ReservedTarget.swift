import SQLite

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
    return name.isReserved
  }
}
