/// How waiting jobs are ordered beyond their lanes.
///
/// Together the fields keep the promise that an urgent job starts soon and no job waits for ever:
/// of every `lowerLaneShare` groups one begins with the oldest waiting job of a lower lane, and age
/// lifts a job step by step, at most to `high`.
public struct SchedulerConfiguration: Sendable, Equatable {
  /// Waiting this long lifts a job by one lane, at most to `high`; infinity turns ageing off.
  public var agingSeconds: Double
  /// The oldest job, once it has waited longer, begins one of the next two groups whatever its
  /// lane; infinity turns it off. Not two groups in a row begin so, else such a job, if it is long,
  /// would begin anew each time an urgent one has interrupted it.
  public var maxWaitSeconds: Double
  /// Of so many groups one begins with the oldest waiting job of a lower lane than the most urgent
  /// waiting one. At least 2.
  public var lowerLaneShare: Int
  /// How often a job may be interrupted; from then on it keeps its turn, bounded by its timeout.
  public var preemptionsMax: Int
  /// Running time that a job has for itself before it may be interrupted. Without it the job that
  /// begins a group by its share would be interrupted at once by the urgent one it was put before.
  public var preemptAfterSeconds: Double

  /// - Parameters: as the fields; traps on times or counts that are not positive, which whoever
  ///   reads them from a file rejects with the line.
  public init(
    agingSeconds: Double = 10, maxWaitSeconds: Double = 60, lowerLaneShare: Int = 8,
    preemptionsMax: Int = 3, preemptAfterSeconds: Double = 0.010
  ) {
    precondition(agingSeconds > 0, "ageing needs a positive time")
    precondition(maxWaitSeconds > 0, "the longest wait needs a positive time")
    precondition(lowerLaneShare >= 2, "a share of 1 would leave the urgent lane nothing")
    precondition(preemptionsMax >= 0 && preemptAfterSeconds >= 0)
    self.agingSeconds = agingSeconds
    self.maxWaitSeconds = maxWaitSeconds
    self.lowerLaneShare = lowerLaneShare
    self.preemptionsMax = preemptionsMax
    self.preemptAfterSeconds = preemptAfterSeconds
  }
}
