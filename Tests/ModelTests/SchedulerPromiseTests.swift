import Testing

@testable import Sluice

/// Promise 5 of the protocol, each clause by itself.
@Suite("What the scheduler promises")
struct SchedulerPromiseTests {
  private static let start: Int64 = 1_700_000_000_000_000_000

  private static func at(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: start + Int64(seconds * 1e9))
  }

  @Test(
    "under a flood of urgent jobs any lane's job begins a group within 8",
    arguments: [Priority.high, .normal, .low, .bulk])
  func boundedWait(lane: Priority) {
    // No ageing and no longest wait: the share alone must carry it.
    let configuration = SchedulerConfiguration(agingSeconds: .infinity, maxWaitSeconds: .infinity)
    var scheduler = PriorityScheduler<String>(configuration: configuration)
    var key: UInt64 = 0
    func flood(_ scheduler: inout PriorityScheduler<String>, group: Int) {
      for _ in 0..<20 {
        key += 1
        scheduler.enqueue(
          "urgent", key: key, lane: .urgent, arrival: Self.at(Double(group)), name: "u")
      }
    }
    for waiting in 1...5 {
      key += 1
      scheduler.enqueue("waiting", key: key, lane: lane, arrival: Self.at(0), name: "w\(waiting)")
    }
    var groupOf: [Int] = []
    for group in 1...40 {
      flood(&scheduler, group: group)
      scheduler.beginGroup()
      for place in 0..<10 {
        guard let job = scheduler.next(now: Self.at(Double(group))) else { break }
        if job.element == "waiting" {
          #expect(place == 0 && job.rule == .share)
          groupOf.append(group)
        }
      }
    }
    #expect(groupOf == [8, 16, 24, 32, 40])
  }

  @Test("seven of eight groups stay with the urgent jobs, in any run of groups")
  func shareIsExact() {
    var scheduler = PriorityScheduler<Int>(
      configuration: SchedulerConfiguration(maxWaitSeconds: .infinity))
    for number in 0..<400 {
      let lane: Priority = number < 200 ? .urgent : [.high, .normal, .low, .bulk][number % 4]
      scheduler.enqueue(
        number, key: UInt64(number), lane: lane, arrival: Self.at(Double(number % 7)), name: "")
    }
    var lower: [Bool] = []
    for _ in 0..<160 {
      scheduler.beginGroup()
      lower.append(scheduler.next(now: Self.at(100)).map { $0.lane > .urgent } ?? false)
    }
    for first in 0...(lower.count - 8) {
      #expect(lower[first..<(first + 8)].filter { $0 }.count == 1)
    }
  }

  @Test("the share goes to the oldest job below the most urgent lane, not to the next lane")
  func shareTakesTheOldest() {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("bulk", key: 1, lane: .bulk, arrival: Self.at(0), name: "b")
    scheduler.enqueue("high", key: 2, lane: .high, arrival: Self.at(1), name: "h")
    for key in 10..<40 {
      scheduler.enqueue("urgent", key: UInt64(key), lane: .urgent, arrival: Self.at(2), name: "u")
    }
    var order: [String] = []
    for _ in 1...16 {
      scheduler.beginGroup()
      if let job = scheduler.next(now: Self.at(3)) { order.append(job.element) }
    }
    #expect(order[7] == "bulk")
    #expect(order[15] == "high")
  }

  @Test("within one lane jobs go by arrival, then name, then key")
  func arrivalOrder() {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("third", key: 1, lane: .normal, arrival: Self.at(2), name: "a")
    scheduler.enqueue("second", key: 2, lane: .normal, arrival: Self.at(1), name: "b")
    scheduler.enqueue("first", key: 3, lane: .normal, arrival: Self.at(1), name: "a")
    scheduler.enqueue("fifth", key: 9, lane: .normal, arrival: Self.at(3), name: "x")
    scheduler.enqueue("fourth", key: 8, lane: .normal, arrival: Self.at(3), name: "x")
    #expect(Self.all(&scheduler, at: 3) == ["first", "second", "third", "fourth", "fifth"])
  }

  @Test("an interrupted job comes back to its old place")
  func requeue() throws {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("long", key: 1, lane: .normal, arrival: Self.at(0), name: "long")
    scheduler.enqueue("later", key: 2, lane: .normal, arrival: Self.at(1), name: "later")
    let first = scheduler.next(now: Self.at(2))
    let job = try #require(first)
    scheduler.enqueue("urgent", key: 3, lane: .urgent, arrival: Self.at(2), name: "urgent")
    scheduler.enqueue(
      job.element, key: job.key, lane: job.lane, arrival: job.arrival, name: job.name,
      preemptions: job.preemptions + 1)
    #expect(Self.all(&scheduler, at: 2) == ["urgent", "long", "later"])
  }

  @Test("age lifts by one lane for each 10 s, at most to high, and nothing into urgent")
  func aging() {
    let scheduler = PriorityScheduler<Int>()
    func lifted(_ lane: Priority, _ seconds: Double) -> Priority {
      scheduler.effectiveLane(of: lane, arrival: Self.at(0), now: Self.at(seconds))
    }
    #expect(
      [0, 9.9, 10, 20, 29.9, 30].map { lifted(.bulk, $0) }
        == [.bulk, .bulk, .low, .normal, .normal, .high])
    for lane in Priority.allCases {
      #expect(lifted(lane, 1e9) == (lane == .urgent ? .urgent : .high))
      #expect(lifted(lane, -3600) == lane)
    }
  }

  @Test("a job that age has lifted goes before younger ones of the lane it reached, not older ones")
  func agedOrder() {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("aged", key: 1, lane: .normal, arrival: Self.at(5), name: "a")
    scheduler.enqueue("younger high", key: 2, lane: .high, arrival: Self.at(6), name: "h")
    scheduler.enqueue("older high", key: 3, lane: .high, arrival: Self.at(4), name: "h")
    scheduler.enqueue("urgent", key: 4, lane: .urgent, arrival: Self.at(15), name: "u")
    #expect(Self.all(&scheduler, at: 15) == ["urgent", "older high", "aged", "younger high"])
  }

  @Test("a job that waited over a minute begins the next group, and the one after is urgent again")
  func overdue() throws {
    var scheduler = PriorityScheduler<String>()
    for key in 1...3 {
      scheduler.enqueue("bulk", key: UInt64(key), lane: .bulk, arrival: Self.at(0), name: "b\(key)")
    }
    for key in 10..<30 {
      scheduler.enqueue("urgent", key: UInt64(key), lane: .urgent, arrival: Self.at(60), name: "u")
    }
    scheduler.beginGroup()
    let before = scheduler.next(now: Self.at(60))
    #expect(before?.element == "urgent")
    scheduler.beginGroup()
    let first = scheduler.next(now: Self.at(60.1))
    let job = try #require(first)
    #expect(job.element == "bulk" && job.rule == .overdue)
    // It is long and gets interrupted: it does not begin the very next group as well.
    scheduler.enqueue(
      job.element, key: job.key, lane: job.lane, arrival: job.arrival, name: job.name,
      preemptions: 1)
    scheduler.beginGroup()
    let second = scheduler.next(now: Self.at(60.2))
    #expect(second?.element == "urgent")
    scheduler.beginGroup()
    let third = scheduler.next(now: Self.at(60.3))
    #expect(third?.key == job.key)
  }

  @Test("a job is interrupted three times at most, however many urgent ones come")
  func preemptionsEnd() {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("long", key: 1, lane: .low, arrival: Self.at(0), name: "long")
    var interrupted = 0
    var nextKey: UInt64 = 2
    for round in 0..<60 {
      let now = Self.at(Double(round) / 10)
      scheduler.beginGroup()
      guard let job = scheduler.next(now: now) else { break }
      scheduler.enqueue("urgent", key: nextKey, lane: .urgent, arrival: now, name: "u")
      nextKey += 1
      if job.element == "urgent" { continue }
      let preempted = scheduler.wouldPreempt(
        lane: job.lane, arrival: job.arrival, preemptions: job.preemptions, ranSeconds: 1, now: now)
      if !preempted { break }
      interrupted += 1
      scheduler.enqueue(
        job.element, key: job.key, lane: job.lane, arrival: job.arrival, name: job.name,
        preemptions: job.preemptions + 1)
    }
    #expect(interrupted == 3)
    #expect(!scheduler.contains(key: 1))
  }

  @Test("only a strictly more urgent lane interrupts, age protects, and 10 ms are its own")
  func whoInterrupts() {
    func interrupts(
      _ waiting: Priority, _ running: Priority, waited: Double = 0, ran: Double = 1
    ) -> Bool {
      var scheduler = PriorityScheduler<Int>()
      scheduler.enqueue(1, key: 1, lane: waiting, arrival: Self.at(0), name: "")
      return scheduler.wouldPreempt(
        lane: running, arrival: Self.at(100 - waited), preemptions: 0, ranSeconds: ran,
        now: Self.at(100))
    }
    #expect(interrupts(.urgent, .high) && interrupts(.urgent, .bulk))
    #expect(interrupts(.high, .normal) && interrupts(.high, .bulk, waited: 20))
    #expect(!interrupts(.high, .bulk, waited: 30) && interrupts(.urgent, .bulk, waited: 30))
    #expect(!interrupts(.urgent, .urgent) && !interrupts(.high, .high))
    #expect(!interrupts(.normal, .bulk))
    #expect(!interrupts(.urgent, .bulk, ran: 0.009) && interrupts(.urgent, .bulk, ran: 0.010))
  }

  @Test("a paused lane is passed over, keeps its order and interrupts nobody")
  func pausing() {
    var scheduler = PriorityScheduler<String>()
    scheduler.enqueue("urgent 1", key: 1, lane: .urgent, arrival: Self.at(0), name: "")
    scheduler.enqueue("urgent 2", key: 2, lane: .urgent, arrival: Self.at(1), name: "")
    scheduler.enqueue("low", key: 3, lane: .low, arrival: Self.at(2), name: "")
    scheduler.pause(.urgent)
    #expect(scheduler.count == 3)
    #expect(
      !scheduler.wouldPreempt(
        lane: .low, arrival: Self.at(2), preemptions: 0, ranSeconds: 9, now: Self.at(3)))
    #expect(Self.all(&scheduler, at: 3) == ["low"])
    #expect(!scheduler.hasRunnable)
    scheduler.resume(.urgent)
    #expect(Self.all(&scheduler, at: 3) == ["urgent 1", "urgent 2"])
  }

  /// Everything in one group, which no rule but turn fills after its first job.
  private static func all(
    _ scheduler: inout PriorityScheduler<String>, at seconds: Double
  ) -> [String] {
    scheduler.beginGroup()
    var order: [String] = []
    while let job = scheduler.next(now: at(seconds)) { order.append(job.element) }
    return order
  }
}
