import Sluice

/// The name of a claimed job's file in `active/`: `SEQ-ARRIVALNS@lane@NAME`.
///
/// It keeps what a restart must know: the number it was claimed under, when it arrived and where. A
/// job that has no ledger row keeps its file until the data of its published result is settled.
public struct ClaimedName: Sendable, Hashable {
  /// Unique in this spool for ever, and growing in the order of claims.
  public var sequence: UInt64
  public var arrival: Timestamp
  public var lane: IncomingLane
  public var job: JobName

  public init(sequence: UInt64, arrival: Timestamp, lane: IncomingLane, job: JobName) {
    precondition(sequence <= Self.sequenceMax && arrival.nanoseconds >= 0)
    self.sequence = sequence
    self.arrival = arrival
    self.lane = lane
    self.job = job
  }

  /// The largest number of 16 digits.
  public static let sequenceMax: UInt64 = 9_999_999_999_999_999

  /// The file's name: at most 245 bytes (16 + 1 + 19 + 1 + 7 + 1 + 200, and 255 are allowed).
  ///
  /// Each job's is made twice, so its bytes are put together in place.
  public var text: String {
    String(unsafeUninitializedCapacity: 64 + job.text.utf8.count) { buffer in
      var count = 0
      func put(_ text: some Sequence<UInt8>) {
        for byte in text {
          buffer[count] = byte
          count += 1
        }
      }
      func put(_ number: UInt64, digits: Int) {
        var rest = number
        for place in stride(from: count + digits - 1, through: count, by: -1) {
          buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
          rest /= 10
        }
        count += digits
      }
      put(sequence, digits: 16)
      put(CollectionOfOne(UInt8(ascii: "-")))
      let instant = UInt64(arrival.nanoseconds)
      put(instant, digits: instant.decimalDigits)
      put(CollectionOfOne(UInt8(ascii: "@")))
      put(lane.rawValue.utf8)
      put(CollectionOfOne(UInt8(ascii: "@")))
      put(job.text.utf8)
      return count
    }
  }

  /// Parses exactly what `text` gives; nil for any other name.
  public init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let lane = IncomingLane(rawValue: String(parts[1])),
      let job = JobName(String(parts[2]))
    else { return nil }
    let numbers = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, numbers[0].utf8.count == 16, let sequence = Self.number(numbers[0]),
      numbers[1].utf8.count <= 19, let arrival = Self.number(numbers[1]),
      let nanoseconds = Int64(exactly: arrival)
    else { return nil }
    self.init(
      sequence: sequence, arrival: Timestamp(nanoseconds: nanoseconds), lane: lane, job: job)
    guard self.text == text else { return nil }
  }

  /// Decimal digits only: `UInt64(_:)` would take a sign.
  private static func number(_ text: Substring) -> UInt64? {
    text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ? UInt64(text) : nil
  }
}

/// Hands out the numbers under which jobs are claimed: strictly increasing, and never behind the
/// wall clock in microseconds.
///
/// The clock makes them unique across restarts when nothing else is known; the floor keeps them so
/// when the clock was set back.
public struct SequenceSource: Sendable {
  private var last: UInt64

  /// - Parameter floor: the highest number known to have been used.
  public init(floor: UInt64) { last = floor }

  public mutating func next(now: Timestamp) -> UInt64 {
    last = max(last + 1, UInt64(max(0, now.nanoseconds) / 1000))
    precondition(last <= ClaimedName.sequenceMax, "sequence numbers have 16 digits")
    return last
  }

  /// The highest number handed out or known.
  public var highest: UInt64 { last }
}

extension UInt64 {
  fileprivate var decimalDigits: Int {
    var digits = 1
    var rest = self / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    return digits
  }
}
