/// Says which waiting job is next; never runs one, reads no clock and takes no lock.
///
/// Jobs run in groups that share one commit. `beginGroup` opens one; the first `next` after it
/// gives the job that begins the group, in this order of rules, of which the first two never begin
/// two groups in a row, so that an urgent job is always in front of one group of two:
/// 1. *overdue*: the oldest waiting job, if it has waited longer than `maxWaitSeconds`;
/// 2. *share*: the oldest waiting job of a lower lane than the most urgent waiting one, if the last
///    `lowerLaneShare − 1` groups that began while there was one did not begin so;
/// 3. *turn*: the first by effective lane, then arrival, name and key.
///
/// Every further `next` fills the group by turn. The effective lane is the job's own, lifted by
/// one for each `agingSeconds` it has waited, at most to `high`: age brings a job in front of
/// younger ones, never into the urgent lane.
///
/// So the k-th oldest of the jobs below the most urgent lane begins a group, if it is not taken
/// earlier, after at most `k × lowerLaneShare` groups, however many urgent jobs arrive. Times come from the wall clock,
/// since arrivals outlive the process; a clock set back suspends ageing, not the share.
///
/// `enqueue`, `next` and `remove` cost O(log n). Measured with 10,000 jobs waiting, optimised:
/// `enqueue` 0.11 µs, `next` 0.28 µs (0.15 and 0.77 if all arrived in one tick of the clock).
public struct PriorityScheduler<Element: Sendable>: Sendable {
  private struct Place: Sendable {
    var lane: Priority
    var slot: Int
  }

  /// May be changed while jobs wait.
  public var configuration: SchedulerConfiguration {
    didSet {
      agingNanoseconds = Self.nanoseconds(configuration.agingSeconds)
      maxWaitNanoseconds = Self.nanoseconds(configuration.maxWaitSeconds)
    }
  }
  private var agingNanoseconds: Int64
  private var maxWaitNanoseconds: Int64
  /// One per `Priority`, at its raw value.
  private var lanes: [WaitingLane<Element>]
  private var places: [UInt64: Place] = [:]
  /// Whether `next` is to begin a group or to fill one.
  private var atGroupStart = true
  /// Groups since one began with the oldest job of a lower lane, counting those with such a job.
  private var groupsSinceShare = 0
  /// Whether the last group began out of turn.
  private var beganOutOfTurn = false

  public init(configuration: SchedulerConfiguration = SchedulerConfiguration()) {
    self.configuration = configuration
    agingNanoseconds = Self.nanoseconds(configuration.agingSeconds)
    maxWaitNanoseconds = Self.nanoseconds(configuration.maxWaitSeconds)
    lanes = Priority.allCases.map { _ in WaitingLane() }
  }

  // MARK: Entering and leaving

  /// Adds a job. One that was interrupted comes back with its old arrival, name and key, and so to
  /// its old place.
  ///
  /// - Parameters:
  ///   - key: tells the job from all others that wait; an equal one traps.
  ///   - name: orders jobs of one lane and arrival.
  ///   - preemptions: how often it was interrupted already.
  public mutating func enqueue(
    _ element: Element, key: UInt64, lane: Priority, arrival: Timestamp, name: String,
    preemptions: Int = 0
  ) {
    let slot = lanes[Int(lane.rawValue)].insert(
      .init(
        element: element, key: key, arrival: arrival, name: name, preemptions: preemptions))
    let previous = places.updateValue(Place(lane: lane, slot: slot), forKey: key)
    precondition(previous == nil, "job \(key) waits twice")
  }

  /// Takes a job out, wherever it stands; nil if none with that key waits.
  @discardableResult
  public mutating func remove(key: UInt64) -> Element? {
    guard let place = places.removeValue(forKey: key) else { return nil }
    return lanes[Int(place.lane.rawValue)].remove(slot: place.slot).element
  }

  /// Takes out every job that `predicate` accepts; they come lane by lane, in order. O(n).
  public mutating func removeAll(where predicate: (Element) -> Bool) -> [Element] {
    var removed: [Element] = []
    for lane in lanes.indices {
      for slot in lanes[lane].slots(where: { predicate($0.element) }) {
        let entry = lanes[lane].remove(slot: slot)
        places.removeValue(forKey: entry.key)
        removed.append(entry.element)
      }
    }
    return removed
  }

  // MARK: Choosing

  /// Opens a group: the next job taken begins it. Harmless if the last one stayed empty.
  public mutating func beginGroup() { atGroupStart = true }

  /// Takes the job whose turn it is; nil if none waits in a lane that is not paused.
  public mutating func next(now: Timestamp) -> Scheduled<Element>? {
    guard let choice = choose(now: now) else { return nil }
    if atGroupStart { count(choice) }
    guard let entry = lanes[Int(choice.lane.rawValue)].removeFirst() else { return nil }
    places.removeValue(forKey: entry.key)
    return scheduled(entry, choice, now: now)
  }

  /// What `next` would take, left where it is.
  public func peek(now: Timestamp) -> Scheduled<Element>? {
    guard let choice = choose(now: now) else { return nil }
    return lanes[Int(choice.lane.rawValue)].first.map { scheduled($0, choice, now: now) }
  }

  /// Whether a waiting job is worth interrupting a running one for: its own lane is `urgent` or
  /// `high` and strictly above the running job's effective one, which has had its
  /// `preemptAfterSeconds` and has been interrupted less than `preemptionsMax` times.
  ///
  /// Age counts only for the running job: it decides who is next, and a job that grew old waiting
  /// is worth no other's lost work.
  ///
  /// - Parameters:
  ///   - lane: the running job's own; `arrival` and `preemptions` are its as well.
  ///   - ranSeconds: how long it has run since it last began, by the monotonic clock.
  public func wouldPreempt(
    lane: Priority, arrival: Timestamp, preemptions: Int, ranSeconds: Double, now: Timestamp
  ) -> Bool {
    if preemptions >= configuration.preemptionsMax { return false }
    if ranSeconds < configuration.preemptAfterSeconds { return false }
    guard let waiting = mostUrgentWaiting, waiting <= .high else { return false }
    return waiting < effectiveLane(of: lane, arrival: arrival, now: now)
  }

  /// The lane that a job's age lifts it to: never above `high`, never below its own.
  public func effectiveLane(of lane: Priority, arrival: Timestamp, now: Timestamp) -> Priority {
    if lane <= .high { return lane }
    let lifted = Int64(lane.rawValue) - waited(since: arrival, now: now) / agingNanoseconds
    return Priority(rawValue: UInt8(max(lifted, Int64(Priority.high.rawValue)))) ?? lane
  }

  // MARK: Looking

  /// Jobs that wait, paused lanes included.
  public var count: Int { places.count }

  public func count(_ lane: Priority) -> Int { lanes[Int(lane.rawValue)].count }

  /// Whether `next` has a job to give.
  public var hasRunnable: Bool { mostUrgentWaiting != nil }

  /// The most urgent lane that is not paused and in which a job waits.
  public var mostUrgentWaiting: Priority? {
    Priority.allCases.first { isRunnable(lanes[Int($0.rawValue)]) }
  }

  /// When the job that has waited longest in `lane` arrived.
  public func oldestArrival(_ lane: Priority) -> Timestamp? {
    lanes[Int(lane.rawValue)].firstArrival
  }

  public func contains(key: UInt64) -> Bool { places[key] != nil }

  // MARK: Pausing

  /// Passes `lane` over from now on; its jobs keep their order and grow older.
  public mutating func pause(_ lane: Priority) { lanes[Int(lane.rawValue)].paused = true }

  public mutating func resume(_ lane: Priority) { lanes[Int(lane.rawValue)].paused = false }

  public func isPaused(_ lane: Priority) -> Bool { lanes[Int(lane.rawValue)].paused }

  // MARK: Rules

  private struct Choice {
    var lane: Priority
    var rule: SchedulingRule
    /// Whether some job waits below the most urgent lane, and whether this is the oldest such one.
    var lowerWaits: Bool
    var isOldestLower: Bool
  }

  private func choose(now: Timestamp) -> Choice? {
    var turn: (lane: Priority, effective: Priority)?
    var mostUrgent: Priority?
    var oldestLower: Priority?
    for lane in Priority.allCases where isRunnable(lanes[Int(lane.rawValue)]) {
      guard let arrival = oldestArrival(lane) else { continue }
      let effective = effectiveLane(of: lane, arrival: arrival, now: now)
      if let best = turn {
        let older = precedes(lane, best.lane)
        if effective < best.effective || (effective == best.effective && older) {
          turn = (lane, effective)
        }
      } else {
        turn = (lane, effective)
      }
      if mostUrgent == nil {
        mostUrgent = lane
      } else if oldestLower.map({ precedes(lane, $0) }) ?? true {
        oldestLower = lane
      }
    }
    guard let turn, let mostUrgent else { return nil }
    var lane = turn.lane
    var rule = SchedulingRule.turn
    if atGroupStart && !beganOutOfTurn {
      let oldest = oldestLower.map { precedes($0, mostUrgent) ? $0 : mostUrgent } ?? mostUrgent
      if isOverdue(oldest, now: now) && oldest != lane {
        lane = oldest
        rule = .overdue
      } else if let oldestLower, oldestLower != lane, shareIsDue {
        lane = oldestLower
        rule = .share
      }
    }
    return Choice(
      lane: lane, rule: rule, lowerWaits: oldestLower != nil, isOldestLower: oldestLower == lane)
  }

  private var shareIsDue: Bool { groupsSinceShare >= configuration.lowerLaneShare - 1 }

  private mutating func count(_ choice: Choice) {
    atGroupStart = false
    beganOutOfTurn = choice.rule != .turn
    if choice.isOldestLower {
      groupsSinceShare = 0
    } else if choice.lowerWaits {
      groupsSinceShare += 1
    }
  }

  private func isRunnable(_ lane: WaitingLane<Element>) -> Bool { lane.count > 0 && !lane.paused }

  private func precedes(_ left: Priority, _ right: Priority) -> Bool {
    lanes[Int(left.rawValue)].firstPrecedes(lanes[Int(right.rawValue)])
  }

  private func isOverdue(_ lane: Priority, now: Timestamp) -> Bool {
    guard let arrival = oldestArrival(lane) else { return false }
    return waited(since: arrival, now: now) > maxWaitNanoseconds
  }

  private func scheduled(
    _ entry: WaitingLane<Element>.Entry, _ choice: Choice, now: Timestamp
  ) -> Scheduled<Element> {
    Scheduled(
      element: entry.element, key: entry.key, lane: choice.lane,
      effectiveLane: effectiveLane(of: choice.lane, arrival: entry.arrival, now: now),
      arrival: entry.arrival, name: entry.name, preemptions: entry.preemptions, rule: choice.rule)
  }

  /// Nanoseconds, never negative: a clock that was set back counts as no wait.
  private func waited(since arrival: Timestamp, now: Timestamp) -> Int64 {
    let (wait, overflow) = now.nanoseconds.subtractingReportingOverflow(arrival.nanoseconds)
    if overflow { return now > arrival ? .max : 0 }
    return max(0, wait)
  }

  private static func nanoseconds(_ seconds: Double) -> Int64 {
    let nanoseconds = seconds * 1e9
    return nanoseconds < 9.2e18 ? max(1, Int64(nanoseconds)) : .max
  }

  /// Traps unless every job is in one lane, at the place recorded for it.
  func _checkInvariants() {
    for lane in lanes { lane._checkInvariants() }
    precondition(lanes.reduce(0) { $0 + $1.count } == places.count, "a job without a place")
    for (key, place) in places {
      let entry = lanes[Int(place.lane.rawValue)].entry(in: place.slot)
      precondition(entry?.key == key, "job \(key) is not where it was put")
    }
  }
}
