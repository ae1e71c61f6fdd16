import SQLite

/// Reads a parameter as the command line gives it: as the SQL literal that it looks like.
///
/// | written | means |
/// | --- | --- |
/// | `NULL` | NULL |
/// | `42`, `-7` | an integer, if it fits into 64 bits and has no leading zero or plus |
/// | `1.5`, `-2e9` | a real |
/// | `'42'`, `'it''s'` | the text between the quotes |
/// | `x'00ff'` | a blob |
/// | anything else | the text as it stands: `Ada`, `007`, `+49 30 1234`, `null` |
///
/// So numbers that are names (postal codes, telephone numbers, digits beyond 64 bits) stay whole,
/// and quotes make text of anything.
enum SQLLiteral {
  static func value(_ argument: String) -> Value {
    if argument == "NULL" { return .null }
    let bytes = Array(argument.utf8)
    if let text = quoted(bytes[...]) { return .text(text) }
    if let blob = blob(bytes) { return .blob(blob) }
    let number = argument.hasPrefix(" -") ? argument.dropFirst() : argument[...]
    if isInteger(number), let integer = Int64(number) { return .integer(integer) }
    if isReal(number), let real = Double(number) { return .real(real) }
    return .text(argument)
  }

  /// A negative number with a space before it, so that the command line's grammar does not take it
  /// for an option; `value` reads it all the same. Any other argument as it is.
  static func shielded(_ argument: String) -> String {
    guard argument.hasPrefix("-") else { return argument }
    return switch value(argument) {
    case .integer, .real: " " + argument
    case .null, .text, .blob: argument
    }
  }

  /// `-?(0|[1-9][0-9]*)`
  private static func isInteger(_ text: Substring) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text
    guard let first = digits.utf8.first else { return false }
    return digits.utf8.allSatisfy(isDigit) && (first != UInt8(ascii: "0") || digits.count == 1)
  }

  /// An integer with a fraction, an exponent or both.
  private static func isReal(_ text: Substring) -> Bool {
    let parts = text.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
    guard let mantissa = parts.first, parts.count <= 2 else { return false }
    let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    guard let whole = halves.first, isInteger(whole), halves.count <= 2 else { return false }
    if halves.count == 2, halves[1].isEmpty || !halves[1].utf8.allSatisfy(isDigit) { return false }
    if parts.count == 2 {
      let sign = parts[1].first
      let digits = sign == "+" || sign == "-" ? parts[1].dropFirst() : parts[1]
      if digits.isEmpty || !digits.utf8.allSatisfy(isDigit) { return false }
    }
    return parts.count == 2 || halves.count == 2
  }

  /// The text of `'…'`, in which a quote stands doubled; nil for what is not that.
  private static func quoted(_ bytes: ArraySlice<UInt8>) -> String? {
    let quote = UInt8(ascii: "'")
    guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return nil }
    var text: [UInt8] = []
    var rest = bytes.dropFirst().dropLast()
    while let byte = rest.popFirst() {
      if byte == quote, rest.popFirst() != quote { return nil }
      text.append(byte)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of `x'…'` with pairs of hexadecimal digits; nil for what is not that.
  private static func blob(_ bytes: [UInt8]) -> [UInt8]? {
    guard let first = bytes.first, first | 0x20 == UInt8(ascii: "x"),
      let digits = quoted(bytes.dropFirst()), digits.utf8.count % 2 == 0
    else { return nil }
    var blob: [UInt8] = []
    var rest = Array(digits.utf8)[...]
    while !rest.isEmpty {
      let pair = rest.prefix(2)
      guard pair.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0 | 0x20) }),
        let byte = UInt8(String(decoding: pair, as: UTF8.self), radix: 16)
      else { return nil }
      blob.append(byte)
      rest = rest.dropFirst(2)
    }
    return blob
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
