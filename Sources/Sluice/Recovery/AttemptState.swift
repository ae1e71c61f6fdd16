/// Counts one job's attempts and says after each failure whether there is another.
///
/// ```
///              started              failed → retry(after:)
///   waiting ───────────▶ running ─────────────────────────▶ waiting
///                          │  ╰── withdrawn ──▶ waiting (the attempt does not count)
///                          ╰───── failed → giveUp, or succeeded ──▶ over
/// ```
/// A pure value: whoever owns it waits and runs. Any other event in a state traps by its name.
public struct AttemptState: Sendable, Equatable {
  public enum Phase: Sendable, Equatable {
    case waiting
    case running
    case over
  }

  /// What to do with a job that failed.
  public enum FailAction: Sendable, Equatable {
    /// Put it back and start it no earlier than so many seconds from now.
    case retry(after: Double)
    /// Report the failure: it is final.
    case giveUp
  }

  public private(set) var phase = Phase.waiting
  /// Attempts begun and not withdrawn: the result's `attempts`.
  public private(set) var attempts = 0
  /// Attempts that failed.
  public private(set) var failures = 0
  /// How often it may be tried again after a failure: the job's `retries`.
  public let retriesMax: Int
  private let policy: RetryPolicy

  public init(retriesMax: Int, policy: RetryPolicy = RetryPolicy()) {
    precondition(retriesMax >= 0, "a job cannot have \(retriesMax) retries")
    self.retriesMax = retriesMax
    self.policy = policy
  }

  /// The job begins to run.
  public mutating func started() {
    leave(.waiting, for: .running, event: "started")
    attempts += 1
  }

  /// The job ended otherwise than by its own fault and has no effect: it was preempted, its group
  /// was lost through another job, or it stood behind the one that is charged with a lock's wait.
  /// This attempt costs it nothing.
  public mutating func withdrawn() {
    leave(.running, for: .waiting, event: "withdrawn")
    attempts -= 1
  }

  /// The job ran and failed.
  ///
  /// - Parameters:
  ///   - retryable: whether the same job may succeed unchanged.
  ///   - random: in 0 ..< 1, for the wait.
  public mutating func failed(retryable: Bool, random: Double) -> FailAction {
    failures += 1
    if retryable && failures <= retriesMax {
      leave(.running, for: .waiting, event: "failed")
      return .retry(after: policy.delay(attempt: failures, random: random))
    }
    leave(.running, for: .over, event: "failed")
    return .giveUp
  }

  /// The job is done.
  public mutating func succeeded() { leave(.running, for: .over, event: "succeeded") }

  private mutating func leave(_ expected: Phase, for next: Phase, event: StaticString) {
    precondition(phase == expected, "a job that is \(phase) cannot have \(event)")
    phase = next
  }
}
