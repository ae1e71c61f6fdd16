/// The first word of an SQL statement, as far as it decides where the statement goes.
public enum SQLKeyword: Sendable, Equatable {
  case select, values, with, explain, pragma
  case insert, replace, update, delete
  case begin, commit, rollback, savepoint, release
  case vacuum
  /// CREATE, DROP, ALTER, ANALYZE and whatever SQLite itself will judge.
  case other
  /// Nothing but white space, comments and semicolons.
  case none

  /// INSERT, REPLACE, UPDATE, DELETE and what may be one of them behind WITH.
  var isRowChange: Bool {
    switch self {
    case .insert, .replace, .update, .delete, .with: true
    default: false
    }
  }

  /// Whether a statement that begins so may be read-only, so that a reader shall look at it.
  public var mayRead: Bool {
    switch self {
    case .select, .values, .with, .explain, .pragma: true
    default: false
    }
  }

  /// Reads past white space, comments and semicolons to the first word.
  public init(of sql: UnsafeBufferPointer<UInt8>) {
    var index = 0
    let count = sql.count
    func skipLineComment() {
      while index < count, sql[index] != 0x0a { index += 1 }
    }
    func skipBlockComment() {
      index += 2
      while index < count {
        if sql[index] == 0x2a, index + 1 < count, sql[index + 1] == 0x2f {
          index += 2
          return
        }
        index += 1
      }
    }
    scan: while index < count {
      switch sql[index] {
      case 0x20, 0x09, 0x0a, 0x0c, 0x0d, 0x3b: index += 1
      case 0x2d where index + 1 < count && sql[index + 1] == 0x2d: skipLineComment()
      case 0x2f where index + 1 < count && sql[index + 1] == 0x2a: skipBlockComment()
      default: break scan
      }
    }
    let start = index
    while index < count, Self.isLetter(sql[index]) { index += 1 }
    if start == count {
      self = .none
    } else {
      self = Self.word(UnsafeBufferPointer(rebasing: sql[start..<index]))
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
  }

  private static let words: [(StaticString, SQLKeyword)] = [
    ("insert", .insert), ("select", .select), ("update", .update), ("delete", .delete),
    ("replace", .replace), ("with", .with), ("values", .values), ("pragma", .pragma),
    ("explain", .explain), ("begin", .begin), ("commit", .commit), ("end", .commit),
    ("rollback", .rollback), ("savepoint", .savepoint), ("release", .release),
    ("vacuum", .vacuum),
  ]

  private static func word(_ bytes: UnsafeBufferPointer<UInt8>) -> SQLKeyword {
    for (word, keyword) in words where word.utf8CodeUnitCount == bytes.count {
      var equal = true
      word.withUTF8Buffer { expected in
        for index in 0..<bytes.count where bytes[index] | 0x20 != expected[index] {
          equal = false
          break
        }
      }
      if equal { return keyword }
    }
    return .other
  }

  public init(of sql: String) {
    var sql = sql
    self = sql.withUTF8 { SQLKeyword(of: $0) }
  }
}
