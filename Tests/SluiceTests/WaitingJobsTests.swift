import Testing

@testable import Sluice

/// With a clock that stands where the test puts it.
@Suite("Waiting jobs")
struct WaitingJobsTests {
  private typealias Jobs = WaitingJobs<String>
  private typealias Action = Jobs.Action

  private static func at(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: 0).advanced(bySeconds: seconds)
  }

  private func conditions(
    _ name: String, id: String? = nil, _ change: (inout Jobs.Conditions) -> Void = { _ in }
  ) -> Jobs.Conditions {
    let rank = Jobs.Rank(.normal, Self.at(0), name, 0)
    var conditions = Jobs.Conditions(name: name, id: id, rank: rank)
    change(&conditions)
    return conditions
  }

  @Test("a job begins at its time and not before")
  func notBefore() {
    var jobs = Jobs()
    jobs.add(1, conditions("a") { $0.notBefore = Self.at(5) }, "a")
    #expect(jobs.tick(now: Self.at(0)).isEmpty)
    #expect(jobs.nextDeadline == Self.at(5))
    #expect(jobs.tick(now: Self.at(4.999)).isEmpty)
    #expect(jobs.tick(now: Self.at(5)) == [.start(1, "a")])
    #expect(jobs.isEmpty)
  }

  @Test("an expired job never starts, and one that runs is stopped until it has ended")
  func expires() {
    var jobs = Jobs()
    jobs.add(1, conditions("late") { $0.expires = Self.at(0) }, "late")
    jobs.add(2, conditions("long") { $0.expires = Self.at(1) }, "long")
    #expect(
      jobs.tick(now: Self.at(0)) == [.giveUp(1, "late", .expired), .start(2, "long")])
    #expect(jobs.tick(now: Self.at(1)) == [.stop(2, "long")])
    #expect(jobs.tick(now: Self.at(1.05)).isEmpty)
    #expect(jobs.tick(now: Self.at(1.2)) == [.stop(2, "long")])
    jobs.ended(2, .expired)
    #expect(jobs.tick(now: Self.at(9)).isEmpty && jobs.isEmpty)
  }

  @Test("a job follows the one that it waits for, and fails if that one does")
  func follows() {
    var jobs = Jobs()
    jobs.add(2, conditions("b") { $0.after = ["a"] }, "b")
    jobs.resolve("a", of: 2, .inFlight(1))
    jobs.add(3, conditions("c") { $0.after = ["b"] }, "c")
    jobs.resolve("b", of: 3, .inFlight(2))
    #expect(jobs.tick(now: Self.at(0)).isEmpty)
    jobs.ended(1, .done)
    #expect(jobs.tick(now: Self.at(0)) == [.start(2, "b")])
    jobs.ended(2, .failed)
    #expect(
      jobs.tick(now: Self.at(0)) == [.giveUp(3, "c", .endedOtherwise(name: "b", .failed))])
  }

  @Test("a job that nobody has seen is waited for as long as patience lasts")
  func unseen() {
    var jobs = Jobs()
    for key in [1, 2] as [UInt64] {
      let conditions = conditions("w\(key)") {
        $0.after = ["x"]
        $0.patience = Self.at(Double(key))
      }
      jobs.add(key, conditions, "")
      jobs.resolve("x", of: key, .unknown)
    }
    #expect(jobs.tick(now: Self.at(1)) == [.giveUp(1, "", .neverSeen(name: "x"))])
    let isWanted = jobs.seen("x", 9)
    #expect(isWanted)
    #expect(jobs.tick(now: Self.at(3)).isEmpty)
    jobs.ended(9, .done)
    #expect(jobs.tick(now: Self.at(3)) == [.start(2, "")])
  }

  @Test("jobs that wait for each other fail, each with its circle; who waits for them fails too")
  func cycle() {
    var jobs = Jobs()
    jobs.add(1, conditions("a") { $0.after = ["b"] }, "")
    jobs.resolve("b", of: 1, .unknown)
    jobs.add(2, conditions("d") { $0.after = ["a"] }, "")
    jobs.resolve("a", of: 2, .inFlight(1))
    let isWanted = jobs.seen("b", 3)
    #expect(isWanted)
    jobs.add(3, conditions("b") { $0.after = ["c", "a"] }, "")
    jobs.resolve("c", of: 3, .ended(.done))
    #expect(jobs.tick(now: Self.at(0)).isEmpty)
    jobs.resolve("a", of: 3, .inFlight(1))
    let actions = jobs.tick(now: Self.at(0))
    #expect(actions.contains(.giveUp(1, "", .cycle(["a", "b", "a"]))))
    #expect(actions.contains(.giveUp(3, "", .cycle(["b", "a", "b"]))))
    #expect(actions.count == 2)
    jobs.ended(1, .failed)
    #expect(
      jobs.tick(now: Self.at(0)) == [.giveUp(2, "", .endedOtherwise(name: "a", .failed))])
  }

  @Test("a job that waits for its own name or id is a circle by itself", arguments: ["a", "i"])
  func ownName(name: String) {
    var jobs = Jobs()
    jobs.add(1, conditions("a", id: "i") { $0.after = [name] }, "")
    #expect(jobs.tick(now: Self.at(0)) == [.giveUp(1, "", .cycle(["a", "a"]))])
  }

  @Test("a chain of 20,000 jobs, dropped in either order, is followed to its end")
  func chain() {
    for isReversed in [false, true] {
      var jobs = Jobs()
      let order = (1...20_000).map { UInt64(isReversed ? 20_001 - $0 : $0) }
      for key in order {
        _ = jobs.seen("\(key)", key)
        jobs.add(key, conditions("\(key)") { $0.after = key == 1 ? [] : ["\(key - 1)"] }, "")
        jobs.resolve("\(key - 1)", of: key, isReversed ? .unknown : .inFlight(key - 1))
      }
      for key in 1...20_000 as ClosedRange<UInt64> {
        let actions = jobs.tick(now: Self.at(0))
        guard actions == [.start(key, "")] else {
          Issue.record("\(key): \(actions)")
          return
        }
        jobs.ended(key, .done)
      }
      #expect(jobs.isEmpty)
    }
  }

  @Test("a pause keeps a job, which still expires; its end lets the others go, a few at a time")
  func pause() {
    var jobs = Jobs()
    for key in 1...5 as ClosedRange<UInt64> {
      jobs.add(key, conditions("j\(key)") { $0.isHeld = true }, "main")
    }
    jobs.add(6, conditions("e") { ($0.isHeld, $0.expires) = (true, Self.at(1)) }, "main")
    #expect(jobs.tick(now: Self.at(0)).isEmpty && jobs.isSettled)
    #expect(jobs.tick(now: Self.at(1)) == [.giveUp(6, "main", .expired)])
    jobs.hold { $0 != "main" }
    #expect(jobs.tick(now: Self.at(1), most: 2).count == 2)
    #expect(jobs.nextDeadline == Timestamp(nanoseconds: .min))
    #expect(jobs.tick(now: Self.at(1)).count == 3)
  }

  @Test("what may begin at the same time begins by priority, then arrival, and is not overtaken")
  func rank() {
    var jobs = Jobs()
    for key in 1...60 as ClosedRange<UInt64> {
      let conditions = conditions("j\(key)") {
        $0.isHeld = true
        let priority = Priority(rawValue: UInt8(key % 5)) ?? .normal
        $0.rank = .init(priority, Self.at(Double(1000 - key)), "", key)
      }
      jobs.add(key, conditions, "")
    }
    let late = Jobs.Rank(.high, Self.at(2000), "", 99)
    #expect(jobs.tick(now: Self.at(0)).isEmpty && !jobs.comesFirst(before: late))
    jobs.hold { _ in false }
    var started: [UInt64] = []
    while jobs.comesFirst(before: .init(.bulk, Self.at(2000), "", 99)) {
      let isOvertaking = jobs.comesFirst(before: late)
      #expect(isOvertaking == (started.count < 24))
      for case .start(let key, _) in jobs.tick(now: Self.at(0), most: 4) { started.append(key) }
    }
    let expected = (1...60 as ClosedRange<UInt64>).sorted {
      ($0 % 5, 1000 - $0) < ($1 % 5, 1000 - $1)
    }
    #expect(started == expected)
  }

  @Test("deadlines of jobs that are gone are not kept for ever")
  func forgotten() {
    var heap = JobHeap<Timestamp>()
    for key in 0..<1000 as Range<UInt64> { heap.push(Self.at(Double(key * 7919 % 1000)), key) }
    heap.compact { $0 % 3 == 0 }
    var times: [Timestamp] = []
    while let first = heap.first, heap.pop(upTo: Self.at(1000)) != nil { times.append(first) }
    #expect(times.count == 334 && times == times.sorted())
  }
}
