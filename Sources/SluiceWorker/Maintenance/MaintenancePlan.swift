import Glibc
import Sluice

/// When which `[[maintenance]]` rule is due in which database; a pure value.
///
/// A rule is due at the full multiples of its interval, counted from 1970 in UTC, or at its time of
/// day: whoever restarts the worker neither delays it nor has it done twice. What was missed is not
/// made up for. One chore runs at a time; it begins when no write waits in its database, or, where
/// that moment does not come, once its patience is over.
struct MaintenancePlan {
  struct Chore: Hashable, Sendable {
    var task: Settings.Maintenance.Task
    var database: String
    var need = 0.0
  }

  private struct Entry {
    let chore: Chore
    let schedule: Settings.Maintenance.Schedule
    /// The next time, or the time since which it waits for its turn.
    var due: Timestamp
    /// How often it has given way since it was due.
    var preemptions = 0
  }

  /// Seconds that a chore waits for an idle database, or its interval where that is shorter.
  static let patienceMax = 600.0
  /// Seconds between two looks whether a database is idle.
  static let lookInterval = 0.25

  private let offset: (Timestamp) -> Int
  private var entries: [Entry]
  private var isRunning = false
  /// How often the chore that runs gave way before.
  private(set) var preemptions = 0
  private var last: Timestamp

  /// - Parameters:
  ///   - databases: all that are served; a rule without a database is for each.
  ///   - offset: the seconds by which local time is ahead of UTC at an instant.
  init(
    _ rules: [Settings.Maintenance], databases: [String], now: Timestamp,
    offset: @escaping (Timestamp) -> Int = MaintenancePlan.localOffset
  ) {
    self.offset = offset
    last = now
    entries = rules.flatMap { rule in
      (rule.database.map { [$0] } ?? databases).map { database in
        Entry(
          chore: Chore(task: rule.task, database: database, need: rule.need),
          schedule: rule.schedule,
          due: Self.next(rule.schedule, after: now, offset))
      }
    }
  }

  /// Follows other rules from now on; what runs goes on, and counts as running.
  mutating func follow(
    _ rules: [Settings.Maintenance], databases: [String], now: Timestamp
  ) {
    let running = isRunning
    self = MaintenancePlan(rules, databases: databases, now: now, offset: offset)
    isRunning = running
  }

  /// The chore to begin now; whoever takes it says when it has `ended`, or `gaveWay`.
  /// - Parameter isIdle: whether no write waits in a database; nil where it cannot be worked on.
  mutating func begin(now: Timestamp, isIdle: (String) -> Bool?) -> Chore? {
    if now < last { replan(now) }
    last = now
    if isRunning { return nil }
    // The longest overdue first, so that a chore that is always due keeps no other from its turn.
    let due = entries.indices.filter { entries[$0].due <= now }
      .sorted { (entries[$0].due, $0) < (entries[$1].due, $1) }
    for index in due {
      let entry = entries[index]
      guard let idle = isIdle(entry.chore.database) else { continue }
      guard idle || now >= Self.limit(of: entry) else { continue }
      entries[index].due = Self.next(entry.schedule, after: now, offset)
      entries[index].preemptions = 0
      preemptions = entry.preemptions
      isRunning = true
      return entry.chore
    }
    return nil
  }

  mutating func ended() { isRunning = false }

  /// The chore that runs was stopped for more urgent work, and is due again.
  mutating func gaveWay(_ chore: Chore, now: Timestamp) {
    isRunning = false
    for index in entries.indices where entries[index].chore == chore {
      entries[index].due = now
      entries[index].preemptions = preemptions + 1
    }
  }

  /// When `begin` may have something if nothing ends before; nil for never.
  func nextDeadline(now: Timestamp) -> Timestamp? {
    if isRunning { return nil }
    return entries.map { $0.due > now ? $0.due : now.advanced(bySeconds: Self.lookInterval) }.min()
  }

  /// The clock was set back: nothing is to wait until it has caught up.
  private mutating func replan(_ now: Timestamp) {
    for index in entries.indices where entries[index].due > now {
      entries[index].due = Self.next(entries[index].schedule, after: now, offset)
    }
  }

  private static func limit(of entry: Entry) -> Timestamp {
    switch entry.schedule {
    case .everySeconds(let seconds):
      entry.due.advanced(bySeconds: min(seconds, patienceMax))
    case .daily: entry.due.advanced(bySeconds: patienceMax)
    }
  }

  private static func next(
    _ schedule: Settings.Maintenance.Schedule, after now: Timestamp,
    _ offset: (Timestamp) -> Int
  ) -> Timestamp {
    switch schedule {
    case .everySeconds(let seconds):
      let step = max(1, Int64(seconds * 1e9))
      return Timestamp(nanoseconds: (now.nanoseconds / step + 1) * step)
    case .daily(let hour, let minute):
      let local = now.nanoseconds / 1_000_000_000 + Int64(offset(now))
      var wanted = local / 86_400 * 86_400 + Int64(hour * 3600 + minute * 60)
      // The offset may change in between: then the day's length is not 24 hours.
      for _ in 0..<3 {
        let guess = Timestamp(nanoseconds: (wanted - Int64(offset(now))) * 1_000_000_000)
        let instant = Timestamp(nanoseconds: (wanted - Int64(offset(guess))) * 1_000_000_000)
        if wanted > local, instant > now { return instant }
        wanted += 86_400
      }
      return now.advanced(bySeconds: 86_400)
    }
  }

  /// By the time zone of the process.
  static func localOffset(_ instant: Timestamp) -> Int {
    var seconds = time_t(instant.nanoseconds / 1_000_000_000)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return 0 }
    return parts.tm_gmtoff
  }
}
