/// A `PRAGMA foreign_keys=…` in front of a job, which holds for the job.
///
/// SQLite ignores it inside a transaction, so it has to be known before the job's begins.
enum ForeignKeysPragma {
  /// What the first statement of `sql` sets, or nil where it is another statement.
  static func leading(_ sql: String) -> Bool? {
    var words = Words(sql.utf8)
    guard words.next() == "pragma", var name = words.next() else { return nil }
    if name == "main" {
      guard words.next() == ".", let second = words.next() else { return nil }
      name = second
    }
    guard name == "foreign_keys", let sign = words.next(), sign == "=" || sign == "(",
      let value = words.next()
    else { return nil }
    switch value {
    case "on", "yes", "true", "1": return true
    case "off", "no", "false", "0": return false
    default: return nil
    }
  }

  /// Words and single signs of SQL in lower case, without comments and quotes.
  private struct Words {
    private var rest: Substring.UTF8View

    init(_ sql: String.UTF8View) { rest = sql[...] }

    mutating func next() -> String? {
      skipSpace()
      guard let first = rest.first else { return nil }
      var word: [UInt8] = []
      while let byte = rest.first, Self.isWord(byte) {
        word.append(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)
        rest.removeFirst()
      }
      if word.isEmpty {
        rest.removeFirst()
        // Quotes around a value mean nothing to a PRAGMA.
        return first == 0x27 || first == 0x22 ? next() : String(UnicodeScalar(first))
      }
      return String(decoding: word, as: UTF8.self)
    }

    private mutating func skipSpace() {
      while let byte = rest.first {
        if byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte == 0x3b {
          rest.removeFirst()
        } else if rest.starts(with: "--".utf8) {
          rest = rest.drop { $0 != 0x0a }
        } else if rest.starts(with: "/*".utf8) {
          rest = rest.dropFirst(2)
          while !rest.isEmpty, !rest.starts(with: "*/".utf8) { rest.removeFirst() }
          rest = rest.dropFirst(2)
        } else {
          return
        }
      }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
      (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
        || byte == 0x5f
    }
  }
}

extension Job {
  /// What a leading `PRAGMA foreign_keys=…` sets for this job, or nil.
  var leadingForeignKeys: Bool? {
    statements.first.flatMap { ForeignKeysPragma.leading($0.sql) }
  }
}
