/// What can be told of a SQL text without SQLite: whether it says anything, and how long its parts
/// between semicolons are.
///
/// A semicolon within a trigger's body counts as one between statements: `parts` may be more than
/// there are statements, never less.
struct SQLOutline: Equatable {
  /// Parts with more in them than white space and comments.
  private(set) var parts = 0
  /// Bytes of the longest part.
  private(set) var longest = 0
  /// Where the first NUL stands, which would end the text for SQLite.
  private(set) var firstNUL: Int?

  /// The line, from 1, of the first part that begins with a dot: a command of the sqlite3 shell.
  private(set) var dotCommandLine: Int?

  private var partStart = 0
  private var partIsBlank = true

  init(_ sql: String) {
    let done: Void? = sql.utf8.withContiguousStorageIfAvailable { scan($0) }
    if done == nil { Array(sql.utf8).withUnsafeBufferPointer { scan($0) } }
  }

  private mutating func scan(_ text: UnsafeBufferPointer<UInt8>) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      let next = index + 1 < text.count ? text[index + 1] : 0
      switch byte {
      case UInt8(ascii: ";"):
        endPart(at: index)
        index += 1
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
        partIsBlank = false
        index = skip(past: byte, in: text, from: index + 1)
      case UInt8(ascii: "["):
        partIsBlank = false
        index = skip(past: UInt8(ascii: "]"), in: text, from: index + 1)
      case UInt8(ascii: "-") where next == byte:
        index = skip(past: UInt8(ascii: "\n"), in: text, from: index + 2)
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
        index = skipBlockComment(in: text, from: index + 2)
      case UInt8(ascii: " "), 0x09...0x0d:
        index += 1
      case UInt8(ascii: ".") where partIsBlank:
        if dotCommandLine == nil { dotCommandLine = 1 + text[..<index].count { $0 == 0x0a } }
        partIsBlank = false
        index += 1
      case 0:
        firstNUL = firstNUL ?? index
        index += 1
      default:
        partIsBlank = false
        index += 1
      }
    }
    endPart(at: text.count)
  }

  private mutating func endPart(at end: Int) {
    if !partIsBlank { parts += 1 }
    longest = max(longest, end - partStart)
    partStart = end + 1
    partIsBlank = true
  }

  /// Past the next `terminator`, or to the end. A doubled quote simply opens the next literal.
  private mutating func skip(
    past terminator: UInt8, in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> Int {
    var index = start
    while index < text.count {
      if text[index] == terminator { return index + 1 }
      if text[index] == 0 { firstNUL = firstNUL ?? index }
      index += 1
    }
    return text.count
  }

  private mutating func skipBlockComment(
    in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> Int {
    var index = start
    while index < text.count {
      if text[index] == 0 { firstNUL = firstNUL ?? index }
      if text[index] == UInt8(ascii: "/"), index > start, text[index - 1] == UInt8(ascii: "*") {
        return index + 1
      }
      index += 1
    }
    return text.count
  }
}
