import Glibc

/// An instant of the wall clock in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Used for what is written down (arrival, results, ledger). Running times are measured with
/// `MonotonicTime`, which a clock that is set does not disturb.
public struct Timestamp: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// The kernel's clock of the last tick, which gives files their times; some milliseconds behind
  /// `now`.
  public static func coarse() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// Seconds from `earlier` to this instant; negative where the clock was set back. Of instants too
  /// far apart to be exact (a job may name any) it is about that.
  public func seconds(since earlier: Timestamp) -> Double {
    let (gap, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
    if overflow { return Double(nanoseconds) / 1e9 - Double(earlier.nanoseconds) / 1e9 }
    return Double(gap) / 1e9
  }

  /// This instant moved by `seconds`, saturating at the ends of the range.
  public func advanced(bySeconds seconds: Double) -> Timestamp {
    let delta = seconds * 1e9
    if delta >= 9.2e18 { return Timestamp(nanoseconds: .max) }
    if delta <= -9.2e18 { return Timestamp(nanoseconds: .min) }
    let (sum, overflow) = nanoseconds.addingReportingOverflow(Int64(delta))
    return Timestamp(nanoseconds: overflow ? (delta > 0 ? .max : .min) : sum)
  }

  /// RFC 3339 in UTC with microseconds: `2026-01-01T00:00:00.000123Z`, 27 bytes in the years 0 to
  /// 9999.
  public var rfc3339: String {
    // Each result has three of these: digits put straight into the string's own bytes took a
    // tenth of the time of text appended to text.
    String(unsafeUninitializedCapacity: 32) { buffer in
      var digits = DigitWriter(buffer: buffer)
      write(&digits)
      return digits.count
    }
  }

  /// The same at the end of `bytes`, without a string.
  func appendRFC3339(to bytes: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
      var digits = DigitWriter(buffer: buffer)
      write(&digits)
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[..<digits.count]))
    }
  }

  private func write(_ digits: inout DigitWriter) {
    var seconds = nanoseconds / 1_000_000_000
    var rest = nanoseconds % 1_000_000_000
    if rest < 0 {
      rest += 1_000_000_000
      seconds -= 1
    }
    var days = seconds / 86_400
    var second = seconds % 86_400
    if second < 0 {
      second += 86_400
      days -= 1
    }
    let (year, month, day) = Self.civil(fromDays: days)
    digits.put(year, width: 4, then: "-")
    digits.put(month, width: 2, then: "-")
    digits.put(day, width: 2, then: "T")
    digits.put(second / 3600, width: 2, then: ":")
    digits.put(second / 60 % 60, width: 2, then: ":")
    digits.put(second % 60, width: 2, then: ".")
    digits.put(rest / 1000, width: 6, then: "Z")
  }

  /// Puts numbers of a fixed width one behind the other.
  private struct DigitWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func put(_ value: Int64, width: Int, then sign: Unicode.Scalar) {
      var rest = value
      for place in stride(from: count + width - 1, through: count, by: -1) {
        buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      }
      buffer[count + width] = UInt8(ascii: sign)
      count += width + 1
    }
  }

  /// Year, month and day of a count of days since 1970-01-01 (proleptic Gregorian; Howard
  /// Hinnant's `civil_from_days`).
  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}

/// An instant of the monotonic clock in nanoseconds; only differences mean anything.
public struct MonotonicTime: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  public func seconds(since earlier: MonotonicTime) -> Double {
    Double(nanoseconds - earlier.nanoseconds) / 1e9
  }

  public func advanced(bySeconds seconds: Double) -> MonotonicTime {
    let delta = min(max(seconds * 1e9, -9e18), 9e18)
    let (sum, overflow) = nanoseconds.addingReportingOverflow(Int64(delta))
    return MonotonicTime(nanoseconds: overflow ? (delta > 0 ? .max : .min) : sum)
  }
}
