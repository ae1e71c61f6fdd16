import Sluice

/// One of the directories in which a file that appears is a job: `incoming/` itself, the five
/// priorities below it, and `control/`.
public enum IncomingLane: String, Sendable, CaseIterable, Hashable {
  /// `incoming/` itself, where the job's own field gives the priority.
  case root
  case urgent, high, normal, low, bulk
  /// Control jobs, and nothing else.
  case control

  /// The priority this directory stands for; nil where it stands for none.
  public var priority: Priority? {
    switch self {
    case .root, .control: nil
    case .urgent: .urgent
    case .high: .high
    case .normal: .normal
    case .low: .low
    case .bulk: .bulk
    }
  }

  /// Equal lanes hash alike by their place: a raw value would be hashed as text, for every job.
  public func hash(into hasher: inout Hasher) { hasher.combine(ordinal) }

  private var ordinal: UInt8 {
    switch self {
    case .root: 0
    case .urgent: 1
    case .high: 2
    case .normal: 3
    case .low: 4
    case .bulk: 5
    case .control: 6
    }
  }

  /// Where it is, from the spool's directory.
  public var path: String { self == .root ? "incoming" : "incoming/" + rawValue }
}
