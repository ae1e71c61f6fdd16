import Glibc
import TestSupport
import Testing

@testable import Sluice

/// Random histories, run on the scheduler and on the naive one: each answer must be the same.
@Suite("PriorityScheduler against its model")
struct SchedulerModelTests {
  @Test("1500 random histories give the same answers as a sorted list")
  func histories() {
    // Another seed each run; a failure prints it, and SLUICE_SEED repeats it.
    let given = getenv("SLUICE_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64(bitPattern: Timestamp.now().nanoseconds)
    for number in 0..<1500 {
      var history = History(seed: seed &+ UInt64(number))
      if let difference = history.run(steps: 60) {
        Issue.record("SLUICE_SEED=\(seed &+ UInt64(number)): \(difference)")
        return
      }
    }
  }
}

extension SchedulerModelTests {
  @Test("a backlog of thousands, a third of it cancelled, leaves in order; then the next one does")
  func backlog() {
    var random = SeededGenerator(seed: 7)
    var scheduler = PriorityScheduler<Int64>()
    for round in 0..<2 {
      var expected: [Int64] = []
      let arrivals = Array(Int64(0)..<3000).shuffled(using: &random)
      for (key, arrival) in arrivals.enumerated() {
        scheduler.enqueue(
          arrival, key: UInt64(key), lane: .normal, arrival: Timestamp(nanoseconds: arrival),
          name: "round \(round)")
      }
      for (key, arrival) in arrivals.enumerated() {
        if key % 3 == 0 {
          let removed = scheduler.remove(key: UInt64(key))
          #expect(removed == arrival)
        } else {
          expected.append(arrival)
        }
      }
      scheduler._checkInvariants()
      var order: [Int64] = []
      while let job = scheduler.next(now: Timestamp(nanoseconds: 3000)) {
        order.append(job.element)
      }
      #expect(order == expected.sorted())
      scheduler._checkInvariants()
    }
  }
}

/// One random history and both schedulers in it.
private struct History {
  private var random: SeededGenerator
  private var scheduler: PriorityScheduler<UInt64>
  private var model: NaiveScheduler
  private var now: Int64 = 1_000_000_000_000
  private var nextKey: UInt64 = 1
  /// Jobs taken and not given back: an interrupted one comes from here.
  private var running: [NaiveScheduler.Job] = []

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    let configuration = SchedulerConfiguration(
      agingSeconds: Double([1, 5, 10].randomElement(using: &random) ?? 10),
      maxWaitSeconds: Double([4, 20, 60].randomElement(using: &random) ?? 60),
      lowerLaneShare: [2, 3, 8].randomElement(using: &random) ?? 8,
      preemptionsMax: Int.random(in: 0...3, using: &random))
    scheduler = PriorityScheduler(configuration: configuration)
    model = NaiveScheduler(configuration: configuration)
  }

  /// The first difference, in words; nil if there was none.
  mutating func run(steps: Int) -> String? {
    for step in 0..<steps {
      if let difference = self.step() { return "step \(step): \(difference)" }
      scheduler._checkInvariants()
      if scheduler.count != model.jobs.count { return "step \(step): \(scheduler.count) wait" }
    }
    return nil
  }

  private mutating func step() -> String? {
    switch Int.random(in: 0..<16, using: &random) {
    case 0...4: enqueue()
    case 5...6: now += Int64.random(in: 0...4_000_000_000, using: &random)
    case 7...9: return takeGroup(of: Int.random(in: 1...3, using: &random))
    case 10: return take()
    case 11: return interrupt()
    case 12: return remove()
    case 13: return removeMany()
    case 14: pauseOrResume()
    default: return compareLanes()
    }
    return nil
  }

  private mutating func enqueue() {
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      // Few different arrivals and names, so that ties are common.
      let job = NaiveScheduler.Job(
        key: nextKey, lane: Priority.allCases.randomElement(using: &random) ?? .normal,
        arrival: now - Int64.random(in: 0...3, using: &random) * 1_000_000_000,
        name: ["a", "b", "c"].randomElement(using: &random) ?? "a", preemptions: 0)
      nextKey += 1
      add(job)
    }
  }

  private mutating func add(_ job: NaiveScheduler.Job) {
    model.jobs.append(job)
    scheduler.enqueue(
      job.key, key: job.key, lane: job.lane, arrival: Timestamp(nanoseconds: job.arrival),
      name: job.name, preemptions: job.preemptions)
  }

  private mutating func takeGroup(of size: Int) -> String? {
    scheduler.beginGroup()
    model.atGroupStart = true
    for _ in 0..<size {
      if let difference = take() { return difference }
    }
    return nil
  }

  private mutating func take() -> String? {
    let instant = Timestamp(nanoseconds: now)
    let peeked = scheduler.peek(now: instant)
    let taken = scheduler.next(now: instant)
    let expected = model.next(now: now)
    if peeked?.key != taken?.key { return "peek said \(String(describing: peeked))" }
    guard let taken, let expected else {
      if taken == nil && expected == nil { return nil }
      return "took \(String(describing: taken)), not \(String(describing: expected))"
    }
    let job = NaiveScheduler.Job(
      key: taken.element, lane: taken.lane, arrival: taken.arrival.nanoseconds, name: taken.name,
      preemptions: taken.preemptions)
    if job != expected.job || taken.rule != expected.rule || taken.key != taken.element {
      return "took \(taken), not \(expected)"
    }
    if taken.effectiveLane != model.effective(job, now: now) {
      return "\(job) lifted to \(taken.effectiveLane)"
    }
    running.append(job)
    return nil
  }

  private mutating func interrupt() -> String? {
    guard let index = running.indices.randomElement(using: &random) else { return nil }
    var job = running[index]
    let ranSeconds: Double = [0.0, 0.01, 5.0].randomElement(using: &random) ?? 5
    let answer = scheduler.wouldPreempt(
      lane: job.lane, arrival: Timestamp(nanoseconds: job.arrival), preemptions: job.preemptions,
      ranSeconds: ranSeconds, now: Timestamp(nanoseconds: now))
    if answer != model.wouldPreempt(job, ranSeconds: ranSeconds, now: now) {
      return "interrupting \(job) after \(ranSeconds) s: \(answer)"
    }
    if answer {
      running.remove(at: index)
      job.preemptions += 1
      add(job)
    }
    return nil
  }

  private mutating func remove() -> String? {
    let key = UInt64.random(in: 1...nextKey, using: &random)
    let removed = scheduler.remove(key: key)
    let expected = model.jobs.first { $0.key == key }?.key
    model.jobs.removeAll { $0.key == key }
    return removed == expected ? nil : "removing \(key) gave \(String(describing: removed))"
  }

  private mutating func removeMany() -> String? {
    if Int.random(in: 0..<4, using: &random) > 0 { return nil }
    let rest = UInt64.random(in: 0..<3, using: &random)
    let removed = scheduler.removeAll { $0 % 3 == rest }
    let expected = model.jobs.filter { $0.key % 3 == rest }
      .sorted { $0.lane == $1.lane ? NaiveScheduler.older($0, $1) : $0.lane < $1.lane }
    model.jobs.removeAll { $0.key % 3 == rest }
    return removed == expected.map(\.key) ? nil : "removed \(removed), not \(expected)"
  }

  private mutating func pauseOrResume() {
    let lane = Priority.allCases.randomElement(using: &random) ?? .normal
    if model.paused.contains(lane) {
      model.paused.remove(lane)
      scheduler.resume(lane)
    } else if Bool.random(using: &random) {
      model.paused.insert(lane)
      scheduler.pause(lane)
    }
  }

  private func compareLanes() -> String? {
    for lane in Priority.allCases {
      let jobs = model.jobs.filter { $0.lane == lane }
      if scheduler.count(lane) != jobs.count { return "\(scheduler.count(lane)) wait in \(lane)" }
      if scheduler.oldestArrival(lane)?.nanoseconds != jobs.map(\.arrival).min() {
        return "oldest of \(lane) is wrong"
      }
      if scheduler.isPaused(lane) != model.paused.contains(lane) { return "\(lane) paused?" }
    }
    let runnable = model.jobs.contains { !model.paused.contains($0.lane) }
    return scheduler.hasRunnable == runnable ? nil : "runnable: \(scheduler.hasRunnable)"
  }
}
