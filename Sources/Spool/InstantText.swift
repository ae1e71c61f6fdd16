import Sluice

/// Reads an instant as RFC 3339 writes it: `2026-01-01T00:00:00.5Z`, `2026-01-01T01:00:00+01:00`.
///
/// A leap second is the second after it. What nanoseconds since 1970 cannot hold (before 1677,
/// after 2262) becomes the nearest instant that they can.
public enum InstantText {
  public static func parse(_ text: String) -> Timestamp? {
    var scanner = Scanner(rest: Array(text.utf8)[...])
    guard let year = scanner.number(digits: 4), scanner.skip("-"),
      let month = scanner.number(digits: 2), scanner.skip("-"),
      let day = scanner.number(digits: 2), scanner.skip("Tt"),
      let hour = scanner.number(digits: 2), scanner.skip(":"),
      let minute = scanner.number(digits: 2), scanner.skip(":"),
      let second = scanner.number(digits: 2),
      let fraction = scanner.fraction(), let offset = scanner.offset(), scanner.rest.isEmpty,
      (1...12).contains(month), (1...days(inMonth: month, of: year)).contains(day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    let seconds =
      daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    let (scaled, high) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (nanoseconds, carry) = scaled.addingReportingOverflow(fraction)
    if high || carry { return Timestamp(nanoseconds: seconds < 0 ? .min : .max) }
    return Timestamp(nanoseconds: nanoseconds)
  }

  private struct Scanner {
    var rest: ArraySlice<UInt8>

    mutating func number(digits: Int) -> Int64? {
      guard rest.count >= digits else { return nil }
      var value: Int64 = 0
      for byte in rest.prefix(digits) {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      rest = rest.dropFirst(digits)
      return value
    }

    /// Steps over one of these characters.
    mutating func skip(_ characters: String) -> Bool {
      guard let byte = rest.first, characters.utf8.contains(byte) else { return false }
      rest = rest.dropFirst()
      return true
    }

    /// Nanoseconds of an optional fraction; digits beyond them are dropped.
    mutating func fraction() -> Int64? {
      guard skip(".") else { return 0 }
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty else { return nil }
      rest = rest.dropFirst(digits.count)
      var value: Int64 = 0
      var unit: Int64 = 100_000_000
      for digit in digits.prefix(9) {
        value += Int64(digit - 0x30) * unit
        unit /= 10
      }
      return value
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int64? {
      if skip("Zz") { return 0 }
      let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
      guard skip("+-"), let hours = number(digits: 2), skip(":"), let minutes = number(digits: 2),
        hours < 24, minutes < 60
      else { return nil }
      return sign * (hours * 3600 + minutes * 60)
    }
  }

  private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return switch month {
    case 2: isLeap ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Proleptic Gregorian; Howard Hinnant's `days_from_civil`.
  private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
