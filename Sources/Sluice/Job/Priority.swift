/// How soon a job is wanted; also the name of its lane in the spool, in metrics and in messages.
///
/// Ordered so that the most urgent compares lowest: `.urgent < .bulk`.
public enum Priority: UInt8, Sendable, CaseIterable, Comparable, Hashable {
  case urgent
  case high
  case normal
  case low
  case bulk

  /// The word used in job files, directory names and results.
  public var name: String {
    switch self {
    case .urgent: "urgent"
    case .high: "high"
    case .normal: "normal"
    case .low: "low"
    case .bulk: "bulk"
    }
  }

  /// The priority of that exact word, or nil.
  public init?(name: some StringProtocol) {
    guard let match = Priority.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  public static func < (left: Priority, right: Priority) -> Bool {
    left.rawValue < right.rawValue
  }
}
