import Sluice

/// What the scheduler promises, said the slow way: one list, searched and sorted each time.
struct NaiveScheduler {
  struct Job: Equatable {
    var key: UInt64
    var lane: Priority
    var arrival: Int64
    var name: String
    var preemptions: Int
  }

  var configuration: SchedulerConfiguration
  var jobs: [Job] = []
  var paused: Set<Priority> = []
  /// For each group since the last out of the lower lanes, whether a lower job waited.
  var groupsSinceShare = 0
  var lastOutOfTurn = false
  var atGroupStart = true

  init(configuration: SchedulerConfiguration) { self.configuration = configuration }

  func effective(_ job: Job, now: Int64) -> Priority {
    if job.lane == .urgent || job.lane == .high { return job.lane }
    var lane = job.lane
    var wait = Double(now - job.arrival) / 1e9
    while wait >= configuration.agingSeconds && lane > .high {
      wait -= configuration.agingSeconds
      lane = Priority(rawValue: lane.rawValue - 1) ?? .high
    }
    return lane
  }

  static func older(_ left: Job, _ right: Job) -> Bool {
    (left.arrival, left.name, left.key) < (right.arrival, right.name, right.key)
  }

  mutating func next(now: Int64) -> (job: Job, rule: SchedulingRule)? {
    let runnable = jobs.filter { !paused.contains($0.lane) }.sorted(by: Self.older)
    guard let oldest = runnable.first, let top = runnable.map(\.lane).min() else { return nil }
    let best = runnable.map { effective($0, now: now) }.min()
    guard let turn = runnable.first(where: { effective($0, now: now) == best }) else { return nil }
    let lower = runnable.first { $0.lane > top }
    var choice = (job: turn, rule: SchedulingRule.turn)
    if atGroupStart && !lastOutOfTurn {
      if Double(now - oldest.arrival) / 1e9 > configuration.maxWaitSeconds && oldest != turn {
        choice = (oldest, .overdue)
      } else if let lower, lower != turn, groupsSinceShare >= configuration.lowerLaneShare - 1 {
        choice = (lower, .share)
      }
    }
    if atGroupStart {
      atGroupStart = false
      lastOutOfTurn = choice.rule != .turn
      if let lower { groupsSinceShare = lower == choice.job ? 0 : groupsSinceShare + 1 }
    }
    jobs.removeAll { $0 == choice.job }
    return choice
  }

  func wouldPreempt(_ running: Job, ranSeconds: Double, now: Int64) -> Bool {
    let reasons = jobs.filter {
      !paused.contains($0.lane) && $0.lane <= .high && $0.lane < effective(running, now: now)
    }
    return !reasons.isEmpty && running.preemptions < configuration.preemptionsMax
      && ranSeconds >= configuration.preemptAfterSeconds
  }
}
