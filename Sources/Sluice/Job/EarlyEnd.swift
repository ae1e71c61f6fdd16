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
