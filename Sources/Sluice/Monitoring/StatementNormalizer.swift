/// Makes the text of a fingerprint in one pass over a statement's bytes.
struct StatementNormalizer {
  private(set) var output: [UInt8] = []
  private let source: UnsafeBufferPointer<UInt8>
  private var at = 0
  private var last = Kind.start
  /// Where open brackets stand in the output, and whether only values stand behind them.
  private var brackets: [(at: Int, isPure: Bool)] = []
  /// The last closed list of values, if nothing but a comma has come since.
  private var lastList: Range<Int>?

  private enum Kind {
    case start, word, value, open, close, comma, dot, symbol
  }

  init(_ source: UnsafeBufferPointer<UInt8>) {
    self.source = source
    output.reserveCapacity(min(source.count, 512))
  }

  mutating func run() {
    while at < source.count { token() }
    while let byte = output.last, byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") {
      output.removeLast()
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
    case UInt8(ascii: ".") where isDigit(byte(1)): number()
    case UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "$"): parameter()
    case UInt8(ascii: "\""), UInt8(ascii: "`"): quotedName(first)
    case UInt8(ascii: "["): quotedName(UInt8(ascii: "]"))
    case UInt8(ascii: "("): open()
    case UInt8(ascii: ")"): close()
    case UInt8(ascii: ","): punctuation(.comma)
    case UInt8(ascii: "."): punctuation(.dot)
    case UInt8(ascii: ";"): punctuation(.dot)
    case let byte where isWord(byte): word()
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
      if isWord(byte) || byte == UInt8(ascii: ".") {
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
    while at < source.count, isWord(source[at]) || source[at] == UInt8(ascii: ":") { at += 1 }
    value()
  }

  private mutating func value() {
    dropSign()
    space(before: .value)
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
    guard before < 0 || "(,=<>".utf8.contains(output[before]) else { return }
    output.removeLast(output.count - 1 - before)
    last = before < 0 ? .start : kind(of: output[before])
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
    space(before: .word)
    while at < source.count, isWord(source[at]) || source[at] == UInt8(ascii: "$") {
      let byte = source[at]
      output.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte)
      at += 1
    }
    last = .word
    isNoList()
  }

  private mutating func quotedName(_ end: UInt8) {
    space(before: .word)
    let start = at
    skipQuoted(end)
    output.append(contentsOf: source[start..<at])
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
    space(before: .symbol)
    repeat {
      output.append(source[at])
      at += 1
    } while at < source.count && "=<>|!".utf8.contains(source[at])
      && "=<>|!-".utf8.contains(source[at - 1])
    last = .symbol
    isNoList()
  }

  private mutating func space(before kind: Kind) {
    switch last {
    case .start, .open, .dot: break
    case .word, .value, .close, .comma, .symbol: output.append(UInt8(ascii: " "))
    }
  }

  private mutating func isNoList() {
    lastList = nil
    if !brackets.isEmpty { brackets[brackets.count - 1].isPure = false }
  }

  // MARK: Lists

  private mutating func open() {
    if last == .comma || last == .symbol { output.append(UInt8(ascii: " ")) }
    if !brackets.isEmpty { brackets[brackets.count - 1].isPure = false }
    brackets.append((output.count, true))
    output.append(UInt8(ascii: "("))
    at += 1
    last = .open
  }

  private mutating func close() {
    output.append(UInt8(ascii: ")"))
    at += 1
    let wasValue = last == .value
    last = .close
    guard let bracket = brackets.popLast(), bracket.isPure, wasValue else {
      lastList = nil
      return
    }
    if output[..<bracket.at].hasSuffix("in") {
      output.removeSubrange(bracket.at...)
      output.append(contentsOf: "(?, ...)".utf8)
      lastList = nil
      return
    }
    let list = bracket.at..<output.count
    if let before = lastList, output[before] == output[list] {
      // `(?, ?), (?, ?)`: a row more or less is no other statement.
      output.removeSubrange(before.upperBound...)
      lastList = before
    } else {
      lastList = list
    }
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
      || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
  }
}

extension ArraySlice<UInt8> {
  /// Whether it ends with that word, and not with one that ends so.
  fileprivate func hasSuffix(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard count >= length else { return false }
    for index in 0..<length where self[endIndex - length + index] != word.utf8Start[index] {
      return false
    }
    return count == length || self[endIndex - length - 1] == UInt8(ascii: " ")
  }
}
