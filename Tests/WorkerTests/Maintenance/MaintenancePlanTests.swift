import Sluice
import Testing

@testable import SluiceWorker

@Suite("When maintenance is due") struct MaintenancePlanTests {
  /// Seconds since 1970 at a time of 2 January 1970 in UTC.
  private func at(_ hours: Int, _ minutes: Int = 0, _ seconds: Double = 0) -> Timestamp {
    Timestamp(nanoseconds: 0).advanced(
      bySeconds: Double(86_400 + hours * 3600 + minutes * 60) + seconds)
  }

  private func plan(
    _ rules: [Settings.Maintenance], databases: [String] = ["main"], now: Timestamp,
    ahead hours: Int = 0
  ) -> MaintenancePlan {
    MaintenancePlan(rules, databases: databases, now: now, offset: { _ in hours * 3600 })
  }

  @Test("an interval is due at its full multiples, whenever the worker started, and once each")
  func every() {
    var plan = plan([.init(task: .optimize, schedule: .everySeconds(3600))], now: at(1, 20))
    #expect(plan.nextDeadline(now: at(1, 20)) == at(2))
    #expect(plan.begin(now: at(1, 59)) { _ in true } == nil)
    #expect(plan.begin(now: at(2)) { _ in true } == .init(task: .optimize, database: "main"))
    plan.ended()
    #expect(plan.begin(now: at(2)) { _ in true } == nil)
    #expect(plan.nextDeadline(now: at(2)) == at(3))
  }

  @Test("what was missed is not made up for")
  func missed() {
    var plan = plan([.init(task: .optimize, schedule: .everySeconds(60))], now: at(1))
    #expect(plan.begin(now: at(5, 0, 30)) { _ in true } != nil)
    plan.ended()
    #expect(plan.begin(now: at(5, 0, 31)) { _ in true } == nil)
    #expect(plan.nextDeadline(now: at(5, 0, 31)) == at(5, 1))
  }

  @Test("a chore that gave way is due again, with the count of it, until it is done")
  func gaveWay() {
    let rule = Settings.Maintenance(
      task: .vacuum, schedule: .daily(hour: 3, minute: 0), need: 0.5)
    var plan = plan([rule], now: at(1))
    for count in 0..<3 {
      let chore = plan.begin(now: at(3, count)) { _ in true }
      #expect(chore == .init(task: .vacuum, database: "main", need: 0.5))
      #expect(plan.preemptions == count)
      if let chore { plan.gaveWay(chore, now: at(3, count)) }
      #expect(plan.nextDeadline(now: at(3, count)) ?? at(9) <= at(3, count, 1))
    }
    #expect(plan.begin(now: at(3, 4)) { _ in true } != nil)
    plan.ended()
    #expect(plan.nextDeadline(now: at(3, 4)) == at(27))
    #expect(plan.begin(now: at(27)) { _ in true } != nil && plan.preemptions == 0)
  }

  @Test("a time of day is meant in local time", arguments: [-11, 0, 2, 13])
  func daily(ahead hours: Int) {
    let rule = Settings.Maintenance(task: .vacuum, schedule: .daily(hour: 3, minute: 30))
    let due = at(3 - hours, 30)
    var plan = plan([rule], now: due.advanced(bySeconds: -1), ahead: hours)
    #expect(plan.nextDeadline(now: due.advanced(bySeconds: -1)) == due)
    #expect(plan.begin(now: due) { _ in true } != nil)
    plan.ended()
    #expect(plan.nextDeadline(now: due) == due.advanced(bySeconds: 86_400))
  }

  @Test("a time of day comes once on the day the clocks go forward")
  func daylightSaving() {
    // One hour more from 01:00 UTC on.
    let change = at(1)
    let rule = Settings.Maintenance(task: .vacuum, schedule: .daily(hour: 4, minute: 0))
    var plan = MaintenancePlan(
      [rule], databases: ["main"], now: at(0), offset: { $0 < change ? 3600 : 7200 })
    #expect(plan.nextDeadline(now: at(0)) == at(2))
    #expect(plan.begin(now: at(2)) { _ in true } != nil)
    plan.ended()
    #expect(plan.nextDeadline(now: at(2)) == at(26))
  }

  @Test("one chore runs at a time, in the order of the rules, in each database")
  func oneByOne() {
    let rules: [Settings.Maintenance] = [
      .init(task: .analyze, schedule: .everySeconds(60)),
      .init(task: .checkpoint, schedule: .everySeconds(60), database: "b"),
    ]
    var plan = plan(rules, databases: ["a", "b"], now: at(0))
    var begun: [MaintenancePlan.Chore] = []
    while let chore = plan.begin(now: at(0, 1), isIdle: { _ in true }) {
      begun.append(chore)
      #expect(plan.begin(now: at(0, 1)) { _ in true } == nil)
      #expect(plan.nextDeadline(now: at(0, 1)) == nil)
      plan.ended()
    }
    #expect(
      begun == [
        .init(task: .analyze, database: "a"), .init(task: .analyze, database: "b"),
        .init(task: .checkpoint, database: "b"),
      ])
  }

  @Test("a chore that is always due keeps no other from its turn")
  func fair() {
    let rules: [Settings.Maintenance] = [
      .init(task: .optimize, schedule: .everySeconds(1)),
      .init(task: .analyze, schedule: .everySeconds(2)),
    ]
    var plan = plan(rules, now: at(0))
    var begun: [Settings.Maintenance.Task] = []
    for second in [2.0, 5, 8] {
      if let chore = plan.begin(now: at(0, 0, second), isIdle: { _ in true }) {
        begun.append(chore.task)
      }
      plan.ended()
    }
    #expect(begun == [.optimize, .analyze, .optimize])
  }

  @Test("a busy database is waited for, at last in vain; a paused one is left alone")
  func patience() {
    var plan = plan([.init(task: .optimize, schedule: .everySeconds(3600))], now: at(0))
    #expect(plan.begin(now: at(1)) { _ in false } == nil)
    #expect(plan.nextDeadline(now: at(1)) == at(1, 0, 0.25))
    #expect(plan.begin(now: at(1, 9, 59)) { _ in false } == nil)
    #expect(plan.begin(now: at(1, 10)) { _ in nil } == nil)
    #expect(plan.begin(now: at(1, 10)) { _ in false } != nil)
  }

  @Test("a clock that is set back delays nothing by more than an interval")
  func setBack() {
    var plan = plan([.init(task: .optimize, schedule: .everySeconds(60))], now: at(20))
    #expect(plan.begin(now: at(20, 1)) { _ in true } != nil)
    plan.ended()
    #expect(plan.begin(now: at(4, 0, 30)) { _ in true } == nil)
    #expect(plan.nextDeadline(now: at(4, 0, 30)) == at(4, 1))
  }

  @Test("other rules are followed at once, and what runs still counts")
  func follow() {
    var plan = plan([.init(task: .vacuum, schedule: .everySeconds(60))], now: at(0))
    #expect(plan.begin(now: at(0, 1)) { _ in true } != nil)
    let rule = Settings.Maintenance(task: .analyze, schedule: .everySeconds(1))
    plan.follow([rule], databases: ["main"], now: at(0, 1))
    #expect(plan.begin(now: at(0, 2)) { _ in true } == nil)
    plan.ended()
    #expect(plan.begin(now: at(0, 2)) { _ in true }?.task == .analyze)
  }
}
