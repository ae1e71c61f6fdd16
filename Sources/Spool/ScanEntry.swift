import Sluice

/// A file seen in `incoming/`, as the scanner hands it out.
public struct ScanEntry: Sendable {
  /// The raw name with its terminating zero.
  public let name: [CChar]
  public let lane: IncomingLane
  /// The file's change time when it was first seen, never later than that moment.
  public let arrival: Timestamp
  /// What is known of it from earlier attempts.
  public var hold: ClaimHold?

  public init(name: [CChar], lane: IncomingLane, arrival: Timestamp, hold: ClaimHold? = nil) {
    precondition(name.last == 0, "a name ends with its zero")
    self.name = name
    self.lane = lane
    self.arrival = max(arrival, Timestamp(nanoseconds: 0))
    self.hold = hold
  }

  public init(_ name: String, lane: IncomingLane, arrival: Timestamp) {
    self.init(name: Array(name.utf8CString), lane: lane, arrival: arrival)
  }

  /// For messages; bytes that are not UTF-8 are replaced.
  public var text: String {
    String(decoding: name.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Why a file cannot be claimed yet, and since when: given back at the next attempt.
public struct ClaimHold: Sendable, Equatable {
  public enum Reason: Sendable {
    /// Somebody has it open for writing.
    case writing
    /// Nobody can say whether somebody writes it; it must rest first.
    case resting
    /// It has a second link.
    case linked
  }

  public var reason: Reason
  /// Attempts so far for this reason, this one included.
  public var attempts: Int
  /// When the file was first found as it is now.
  public var since: MonotonicTime
  /// Size and times at `since`.
  var size: Int64
  var changed: Int64
  var modified: Int64
}
