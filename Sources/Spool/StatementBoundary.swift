import Glibc

/// Finds where one SQL statement of a script ends, as the `sqlite3` shell does
/// (`sqlite3_complete`): at a semicolon that is neither in a literal or comment nor inside the body
/// of a trigger. Fed piece by piece.
struct StatementBoundary {
  private enum State {
    /// Nothing yet but white space and comments.
    case start
    case normal
    /// EXPLAIN was met, behind which CREATE may come.
    case explain
    case create
    /// CREATE TRIGGER: only `; END ;` ends it.
    case trigger
    case triggerSemicolon
    case triggerEnd
  }

  private enum Word {
    case explain, create, temporary, trigger, end, other
  }

  /// What a scan met first.
  enum Found: Equatable {
    /// The statement ends behind that many bytes.
    case end(Int)
    /// A line of the shell's own language.
    case dotCommand(Int)
    case more
  }

  private var state = State.start
  /// Bytes of the statement that have been looked at.
  private(set) var scanned = 0
  /// Where to seek on for the end of a literal or comment, whose beginning is looked at again.
  private var sought = 0
  /// Where its first word begins.
  private(set) var first: Int?

  mutating func reset() { self = StatementBoundary() }

  /// Looks at what is new of a statement's text; the last few bytes wait until more is there,
  /// unless it is the end.
  mutating func scan(_ text: UnsafeBufferPointer<UInt8>, isEnd: Bool) -> Found {
    var index = scanned
    while index < text.count {
      let byte = text[index]
      let next = index + 1 < text.count ? text[index + 1] : 0
      if index + 1 == text.count, !isEnd, byte == 0x2d || byte == 0x2f { break }
      if index == 0, byte == 0xef, text.count < 3, !isEnd { break }
      switch byte {
      case 0x20, 0x09...0x0d: index += 1
      case 0xef where index == 0 && text.starts(with: [0xef, 0xbb, 0xbf]): index += 3
      case UInt8(ascii: "-") where next == byte:
        guard let end = find(0x0a, in: text, from: index + 2, isEnd) else { return wait(index) }
        index = end
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
        guard let end = blockEnd(text, from: index + 2, isEnd) else { return wait(index) }
        index = end
      case UInt8(ascii: ";"):
        index += 1
        if semicolon() {
          scanned = index
          return .end(index)
        }
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: "["):
        let close = byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : byte
        begin(index)
        guard let end = find(close, in: text, from: index + 1, isEnd) else { return wait(index) }
        // A doubled quote simply opens the next literal.
        word(.other)
        index = end
      case UInt8(ascii: ".") where first == nil: return .dotCommand(index)
      default:
        begin(index)
        guard Self.isWordByte(byte) else {
          word(.other)
          index += 1
          continue
        }
        var end = index + 1
        while end < text.count, Self.isWordByte(text[end]) { end += 1 }
        if end == text.count, !isEnd { return wait(index) }
        word(Self.meaning(of: UnsafeBufferPointer(rebasing: text[index..<end])))
        index = end
      }
    }
    scanned = index
    return .more
  }

  private mutating func begin(_ index: Int) {
    if first == nil { first = index }
  }

  /// What begins here has no end yet: it is looked at again when there is more.
  private mutating func wait(_ index: Int) -> Found {
    scanned = index
    return .more
  }

  private mutating func find(
    _ byte: UInt8, in text: UnsafeBufferPointer<UInt8>, from start: Int, _ isEnd: Bool
  ) -> Int? {
    let from = max(start, sought)
    guard let base = text.baseAddress, from <= text.count else { return isEnd ? text.count : nil }
    if let found = memchr(base + from, Int32(byte), text.count - from) {
      sought = 0
      return UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base + 1
    }
    sought = text.count
    return isEnd ? text.count : nil
  }

  private mutating func blockEnd(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, _ isEnd: Bool
  ) -> Int? {
    var index = start
    while let end = find(UInt8(ascii: "/"), in: text, from: index, false) {
      if end - 2 >= start, text[end - 2] == UInt8(ascii: "*") { return end }
      index = end
    }
    return isEnd ? text.count : nil
  }

  /// - Returns: whether it ends the statement.
  private mutating func semicolon() -> Bool {
    switch state {
    case .trigger, .triggerSemicolon:
      state = .triggerSemicolon
      return false
    case .start, .normal, .explain, .create, .triggerEnd: return true
    }
  }

  private mutating func word(_ word: Word) {
    switch (state, word) {
    case (.start, .explain): state = .explain
    case (.start, .create), (.explain, .create): state = .create
    case (.start, _): state = .normal
    case (.normal, _): break
    case (.explain, .other): break
    case (.explain, _): state = .normal
    case (.create, .temporary): break
    case (.create, .trigger): state = .trigger
    case (.create, _): state = .normal
    case (.triggerSemicolon, .end): state = .triggerEnd
    case (.trigger, _), (.triggerSemicolon, _), (.triggerEnd, _): state = .trigger
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

  private static func meaning(of text: UnsafeBufferPointer<UInt8>) -> Word {
    func `is`(_ word: StaticString) -> Bool {
      guard text.count == word.utf8CodeUnitCount else { return false }
      return word.withUTF8Buffer { expected in
        (0..<text.count).allSatisfy { text[$0] | 0x20 == expected[$0] }
      }
    }
    switch text.count {
    case 3 where `is`("end"): return .end
    case 4 where `is`("temp"): return .temporary
    case 6 where `is`("create"): return .create
    case 7 where `is`("explain"): return .explain
    case 7 where `is`("trigger"): return .trigger
    case 9 where `is`("temporary"): return .temporary
    default: return .other
    }
  }
}
