/// How a job ended.
public enum JobStatus: Int64, Sendable, CaseIterable {
  case done = 0
  /// Its SQL does not compile, or it ran and was rolled back.
  case failed = 1
  /// The file or its fields are wrong, or it asks for what is forbidden; nothing ran.
  case rejected = 2
  case expired = 3
  case cancelled = 4

  /// The word in results, metrics and messages.
  public var name: String {
    switch self {
    case .done: "done"
    case .failed: "failed"
    case .rejected: "rejected"
    case .expired: "expired"
    case .cancelled: "cancelled"
    }
  }

  /// The status of that exact word, or nil.
  public init?(name: some StringProtocol) {
    guard let match = JobStatus.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
