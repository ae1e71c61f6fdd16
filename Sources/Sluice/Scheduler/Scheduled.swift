/// A job whose turn has come, with all that is needed to put it back to where it stood.
public struct Scheduled<Element: Sendable>: Sendable {
  public var element: Element
  public var key: UInt64
  /// The lane it waited in.
  public var lane: Priority
  /// The lane its age had lifted it to.
  public var effectiveLane: Priority
  public var arrival: Timestamp
  public var name: String
  /// How often it was interrupted already.
  public var preemptions: Int
  /// Why it is next.
  public var rule: SchedulingRule
}

/// Why a job is next: what metrics and `status` count.
public enum SchedulingRule: String, Sendable, CaseIterable {
  /// First by effective lane and arrival.
  case turn
  /// It begins the group that belongs to the lower lanes.
  case share
  /// It has waited longer than any job should.
  case overdue
}
