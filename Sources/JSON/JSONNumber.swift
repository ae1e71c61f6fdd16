extension Parser {
  /// A number's digits as they are read.
  private struct Digits {
    var magnitude: UInt64 = 0
    /// The digits do not fit into `magnitude`.
    var overflow = false

    mutating func append(_ byte: UInt8) {
      let (product, high) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte - Byte.zero))
      overflow = overflow || high || carry
      magnitude = sum
    }
  }

  /// Reads a number that begins here with `-` or a digit.
  mutating func number() throws(JSONFault) -> JSONValue {
    let start = at
    let negative = bytes[at] == Byte.minus
    if negative { at += 1 }
    var digits = Digits()
    let leading = at
    guard readDigits(into: &digits) > 0 else { throw expected("a digit after '-'") }
    if bytes[leading] == Byte.zero, at - leading > 1 {
      throw fault("a number may not begin with 0", at: leading)
    }
    var exponent = 0
    var isReal = false
    if at < bytes.count, bytes[at] == Byte.point {
      isReal = true
      at += 1
      exponent = -readDigits(into: &digits)
      if exponent == 0 { throw expected("a digit after '.'") }
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      isReal = true
      exponent += try readExponent()
    }
    if at < bytes.count, JSONFault.isWordByte(bytes[at]) {
      throw expected("the end of the number")
    }
    if isReal {
      return .real(real(digits, exponent: exponent, negative: negative, start: start))
    }
    return try integer(digits, negative: negative, start: start)
  }

  /// Steps over digits; returns how many there were.
  private mutating func readDigits(into digits: inout Digits) -> Int {
    let start = at
    while at < bytes.count, Byte.isDigit(bytes[at]) {
      digits.append(bytes[at])
      at += 1
    }
    return at - start
  }

  private mutating func readExponent() throws(JSONFault) -> Int {
    at += 1
    let sign = at < bytes.count ? bytes[at] : Byte.plus
    if at < bytes.count, sign == Byte.plus || sign == Byte.minus { at += 1 }
    var digits = Digits()
    guard readDigits(into: &digits) > 0 else { throw expected("a digit in the exponent") }
    // Beyond this bound only "too large" and "too small" are left, and the text decides that.
    let magnitude = digits.overflow ? 1_000_000 : Int(min(digits.magnitude, 1_000_000))
    return sign == Byte.minus ? -magnitude : magnitude
  }

  private func integer(
    _ digits: Digits, negative: Bool, start: Int
  ) throws(JSONFault) -> JSONValue {
    if !digits.overflow {
      if negative, digits.magnitude <= Int64.min.magnitude {
        return .integer(Int64(truncatingIfNeeded: 0 &- digits.magnitude))
      }
      if !negative, digits.magnitude <= Int64.max.magnitude {
        return .integer(Int64(digits.magnitude))
      }
    }
    if isVerbatim { return .real(slowReal(start: start)) }
    throw JSONFault(
      kind: .integerOverflow,
      message: "the integer \(excerpt(from: start)) is beyond 64 bits", offset: start)
  }

  /// The nearest real: by one exact operation where mantissa and power of ten are exact reals
  /// themselves (Clinger's fast path), else by the library.
  private func real(_ digits: Digits, exponent: Int, negative: Bool, start: Int) -> Double {
    guard !digits.overflow, digits.magnitude <= 1 << 53, abs(exponent) < powersOfTen.count else {
      return slowReal(start: start)
    }
    let mantissa = Double(digits.magnitude)
    let power = powersOfTen[abs(exponent)]
    let magnitude = exponent < 0 ? mantissa / power : mantissa * power
    return negative ? -magnitude : magnitude
  }

  private func slowReal(start: Int) -> Double {
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    guard let real = Double(text) else {
      preconditionFailure("a number that the grammar accepts was not read: \(text)")
    }
    return real
  }

  private func excerpt(from start: Int) -> String {
    let digitsMax = 40
    let text = String(decoding: bytes[start..<min(at, start + digitsMax)], as: UTF8.self)
    return at - start > digitsMax ? text + "…" : text
  }
}

/// 10⁰ … 10²², the powers of ten that are exact as reals.
private let powersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
  1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
