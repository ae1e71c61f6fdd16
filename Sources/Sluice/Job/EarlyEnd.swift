import SQLite

/// How a job is ended from outside, whether it waits or runs.
public enum EarlyEnd: Sendable {
  case cancelled
  case expired

  var status: JobStatus {
    switch self {
    case .cancelled: .cancelled
    case .expired: .expired
    }
  }

  var error: JobError {
    switch self {
    case .cancelled: .cancelled
    case .expired: .expired
    }
  }

  var reason: Interrupt.Reason {
    switch self {
    case .cancelled: .cancelled
    case .expired: .expired
    }
  }
}

extension EarlyEnd {
  /// The end that a stop for `reason` stands for; nil where it stands for none.
  init?(_ reason: Interrupt.Reason) {
    switch reason {
    case .cancelled: self = .cancelled
    case .expired: self = .expired
    case .timeout, .groupWindow, .preempted, .stopping: return nil
    }
  }
}
