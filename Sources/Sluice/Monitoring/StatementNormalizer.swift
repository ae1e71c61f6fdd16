/// Makes the text of a fingerprint in one pass over a statement's bytes, some 5 ns each.
///
/// Writes into memory that is lent to it: with an array that grows it took three times as long.
struct StatementNormalizer {
  private var output: FingerprintText
  private let source: UnsafeBufferPointer<UInt8>
  private var at = 0
  private var last = Kind.start
  private var brackets = OpenBrackets()
  /// The last closed list of values, if nothing but a comma has come since.
  private var lastList: Range<Int>?

  /// Lends the text to `body`.
  static func withText<Result>(
    of source: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    // A token of one byte may become three with the spaces around it, `in(1)` becomes ` in(?, ...)`.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: source.count * 3 + 16) { memory in
      var normalizer = StatementNormalizer(source, memory)
      normalizer.run()
      return body(UnsafeBufferPointer(rebasing: memory[..<normalizer.output.count]))
    }
  }

  private enum Kind {
    case start, word, value, open, close, comma, dot, symbol
  }

  private init(
    _ source: UnsafeBufferPointer<UInt8>, _ memory: UnsafeMutableBufferPointer<UInt8>
  ) {
    self.source = source
    output = FingerprintText(memory)
  }

  private mutating func run() {
    while at < source.count { token() }
    while let byte = output.last, byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") {
      output.count -= 1
    }
  }

  private func byte(_ offset: Int) -> UInt8 {
    at + offset < source.count ? source[at + offset] : 0
  }

  private mutating func token() {
    let first = source[at]
    switch first {
    case UInt8(ascii: " "), 0x09...0x0d: at += 1
    case UInt8(ascii: "-") where byte(1) == first: skipLine()
    case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"): skipComment()
    case UInt8(ascii: "'"):
      skipQuoted(first)
      value()
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      guard byte(1) == UInt8(ascii: "'") else { return word() }
      at += 1
      skipQuoted(UInt8(ascii: "'"))
      value()
    case UInt8(ascii: "0")...UInt8(ascii: "9"): number()
    case UInt8(ascii: ".") where ByteClass.isDigit(byte(1)): number()
    case UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "$"): parameter()
    case UInt8(ascii: "\""), UInt8(ascii: "`"): quotedName(first)
    case UInt8(ascii: "["): quotedName(UInt8(ascii: "]"))
    case UInt8(ascii: "("): open()
    case UInt8(ascii: ")"): close()
    case UInt8(ascii: ","): punctuation(.comma)
    case UInt8(ascii: "."): punctuation(.dot)
    case UInt8(ascii: ";"): punctuation(.dot)
    case let byte where ByteClass.isWord(byte): word()
    default: symbol()
    }
  }

  // MARK: What is left out

  private mutating func skipLine() {
    while at < source.count, source[at] != 0x0a { at += 1 }
  }

  private mutating func skipComment() {
    at += 2
    while at < source.count, !(source[at] == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/")) {
      at += 1
    }
    at = min(source.count, at + 2)
  }

  /// To behind the closing quote; a doubled one is part of the text.
  private mutating func skipQuoted(_ quote: UInt8) {
    at += 1
    while at < source.count {
      if source[at] == quote {
        if byte(1) != quote || quote == UInt8(ascii: "]") { break }
        at += 1
      }
      at += 1
    }
    at = min(source.count, at + 1)
  }

  // MARK: Values

  private mutating func number() {
    let isHexadecimal = byte(1) | 0x20 == UInt8(ascii: "x")
    while at < source.count {
      let byte = source[at]
      if ByteClass.isWord(byte) || byte == UInt8(ascii: ".") {
        at += 1
      } else if !isHexadecimal, byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+"),
        source[at - 1] | 0x20 == UInt8(ascii: "e")
      {
        at += 1
      } else {
        break
      }
    }
    value()
  }

  private mutating func parameter() {
    at += 1
    while at < source.count {
      guard ByteClass.isWord(source[at]) || source[at] == UInt8(ascii: ":") else { break }
      at += 1
    }
    value()
  }

  private mutating func value() {
    dropSign()
    space()
    output.append(UInt8(ascii: "?"))
    last = .value
  }

  /// A sign that cannot be an operator belongs to the value.
  private mutating func dropSign() {
    guard last == .symbol, let sign = output.last,
      sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
    else { return }
    var before = output.count - 2
    if before >= 0, output[before] == UInt8(ascii: " ") { before -= 1 }
    guard before < 0 || Self.endsOperator(output[before]) else { return }
    output.count = before + 1
    last = before < 0 ? .start : kind(of: output[before])
  }

  /// Whether a sign behind it belongs to a value.
  private static func endsOperator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "("), UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "<"),
      UInt8(ascii: ">"):
      true
    default: false
    }
  }

  private func kind(of byte: UInt8) -> Kind {
    switch byte {
    case UInt8(ascii: "("): .open
    case UInt8(ascii: ","): .comma
    default: .symbol
    }
  }

  // MARK: What is kept

  private mutating func word() {
    space()
    at = output.appendWord(of: source, from: at)
    last = .word
    isNoList()
  }

  private mutating func quotedName(_ end: UInt8) {
    space()
    let start = at
    skipQuoted(end)
    for index in start..<at { output.append(source[index]) }
    last = .word
    isNoList()
  }

  private mutating func punctuation(_ kind: Kind) {
    output.append(source[at])
    at += 1
    last = kind
    if kind != .comma { isNoList() }
  }

  /// Operators of several characters stay together, but a sign begins anew: `a=-1`.
  private mutating func symbol() {
    space()
    repeat {
      output.append(source[at])
      at += 1
    } while at < source.count && goesOn(from: source[at - 1], to: source[at])
    last = .symbol
    isNoList()
  }

  private func goesOn(from first: UInt8, to second: UInt8) -> Bool {
    func isPart(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "|"),
        UInt8(ascii: "!"):
        true
      default: false
      }
    }
    return isPart(second) && (isPart(first) || first == UInt8(ascii: "-"))
  }

  private mutating func space() {
    switch last {
    case .start, .open, .dot: break
    case .word, .value, .close, .comma, .symbol: output.append(UInt8(ascii: " "))
    }
  }

  private mutating func isNoList() {
    lastList = nil
    brackets.isNoList()
  }

  // MARK: Lists

  private mutating func open() {
    if last == .comma || last == .symbol { output.append(UInt8(ascii: " ")) }
    brackets.isNoList()
    brackets.push(output.count)
    output.append(UInt8(ascii: "("))
    at += 1
    last = .open
  }

  private mutating func close() {
    output.append(UInt8(ascii: ")"))
    at += 1
    let wasValue = last == .value
    last = .close
    // Else something other than values stands in it.
    guard let start = brackets.pop(), wasValue else {
      lastList = nil
      return
    }
    if output.hasIn(before: start) {
      output.count = start
      output.append("(?, ...)")
      lastList = nil
      return
    }
    let list = start..<output.count
    if let before = lastList, output.isEqual(before, list) {
      // `(?, ?), (?, ?)`: a row more or less is no other statement.
      output.count = before.upperBound
      lastList = before
    } else {
      lastList = list
    }
  }
}

/// What SQL takes a byte for.
private enum ByteClass {
  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Letters, digits, `_` and all beyond ASCII; a bit for each of the first 128.
  static func isWord(_ byte: UInt8) -> Bool {
    if byte >= 0x80 { return true }
    let bits: UInt64 = byte < 64 ? 0x03ff_0000_0000_0000 : 0x07ff_fffe_87ff_fffe
    return bits >> UInt64(byte & 63) & 1 != 0
  }

  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }
}

/// The text under way, in memory that is lent to it.
private struct FingerprintText {
  private let memory: UnsafeMutableBufferPointer<UInt8>
  var count = 0

  init(_ memory: UnsafeMutableBufferPointer<UInt8>) { self.memory = memory }

  subscript(index: Int) -> UInt8 { memory[index] }

  var last: UInt8? { count == 0 ? nil : memory[count - 1] }

  mutating func append(_ byte: UInt8) {
    memory[count] = byte
    count += 1
  }

  /// Appends the rest of a word in lower case.
  /// - Returns: where it ends in the source.
  mutating func appendWord(of source: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    // In variables of its own: through `self` each byte would be counted in memory.
    var (from, to) = (start, count)
    while from < source.count {
      guard ByteClass.isWord(source[from]) || source[from] == UInt8(ascii: "$") else { break }
      memory[to] = ByteClass.lowercased(source[from])
      from &+= 1
      to &+= 1
    }
    count = to
    return from
  }

  mutating func append(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
  }

  /// Whether the word in front of `end` is `in`.
  func hasIn(before end: Int) -> Bool {
    guard end >= 2, memory[end - 1] == UInt8(ascii: "n"), memory[end - 2] == UInt8(ascii: "i")
    else { return false }
    return end == 2 || memory[end - 3] == UInt8(ascii: " ")
  }

  func isEqual(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    guard left.count == right.count else { return false }
    for offset in 0..<left.count
    where memory[left.lowerBound + offset] != memory[right.lowerBound + offset] {
      return false
    }
    return true
  }
}

/// Where open brackets stand in the text, and behind which of them only values do; of the outermost
/// 32.
private struct OpenBrackets {
  private static let most = 32
  private var starts = InlineArray<32, Int>(repeating: 0)
  private var isPure: UInt32 = 0
  private var depth = 0

  mutating func push(_ start: Int) {
    if depth < Self.most {
      starts[depth] = start
      isPure |= 1 << UInt32(depth)
    }
    depth += 1
  }

  /// - Returns: the innermost one if only values stand behind it.
  mutating func pop() -> Int? {
    if depth == 0 { return nil }
    depth -= 1
    guard depth < Self.most, isPure & (1 << UInt32(depth)) != 0 else { return nil }
    return starts[depth]
  }

  mutating func isNoList() {
    if depth > 0, depth <= Self.most { isPure &= ~(1 << UInt32(depth - 1)) }
  }
}
