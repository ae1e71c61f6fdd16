/// Says when jobs that wait for a time, for other jobs or for the end of a pause may begin, and when
/// a job is to be given up; runs none, reads no clock and looks for nothing.
///
/// Its owner adds a job, tells for each name in its `after` what is known of it (`resolve`), reports
/// every job of interest that comes (`seen`) and ends (`ended`), and does what `tick` says. A job
/// with `expires` stays here while it runs. Jobs that may begin at the same time do so in the order of
/// their ranks.
///
/// Everything costs O(log n), but for what a pause concerns (O(n)) and for the search for a cycle,
/// which begins only where a job that others wait for waits itself.
public struct WaitingJobs<Payload: Sendable>: Sendable {
  public struct Conditions: Sendable {
    /// What other jobs know it by.
    public var name: String
    public var id: String?
    public var rank: Rank
    public var notBefore: Timestamp?
    public var expires: Timestamp?
    /// Names or ids of jobs that must be done first.
    public var after: [String] = []
    /// Until when a job that nobody has seen is waited for.
    public var patience = Timestamp(nanoseconds: .max)
    /// A pause concerns it.
    public var isHeld = false

    public init(name: String, id: String? = nil, rank: Rank) {
      self.name = name
      self.id = id
      self.rank = rank
    }
  }

  /// In which order jobs begin that may at the same time.
  public struct Rank: Sendable, Comparable {
    var priority: Priority
    var arrival: Timestamp
    var name: String
    var key: UInt64

    public init(_ ticket: JobTicket) {
      self.init(ticket.priority, ticket.arrived, ticket.name, UInt64(ticket.sequence))
    }

    init(_ priority: Priority, _ arrival: Timestamp, _ name: String, _ key: UInt64) {
      (self.priority, self.arrival, self.name, self.key) = (priority, arrival, name, key)
    }

    public static func < (left: Rank, right: Rank) -> Bool {
      (left.priority, left.arrival, left.name, left.key)
        < (right.priority, right.arrival, right.name, right.key)
    }
  }

  /// What is known of a name in `after`.
  public enum Knowledge: Sendable, Equatable {
    case inFlight(UInt64)
    case ended(JobStatus)
    /// Nobody has seen such a job: it may still come.
    case unknown
  }

  /// Why a job is given up.
  public enum Cause: Sendable, Equatable {
    case expired
    case endedOtherwise(name: String, JobStatus)
    case neverSeen(name: String)
    /// Names, the first of which is also the last.
    case cycle([String])
  }

  public enum Action: Sendable {
    case start(UInt64, Payload)
    case giveUp(UInt64, Payload, Cause)
    /// It runs and has expired; said again until it has ended, since it may be on its way from one
    /// place to another.
    case stop(UInt64, Payload)
  }

  private struct Entry: Sendable {
    var conditions: Conditions
    var payload: Payload
    /// Names of which nothing is known yet.
    var asked: Set<String>
    /// Names that nobody has seen.
    var expected: Set<String> = []
    var bound: [UInt64: String] = [:]
    var failure: Cause?
    var hasStarted = false
    var stopAt = Timestamp(nanoseconds: .min)
  }

  /// Seconds between two requests to stop a job.
  private static var stopInterval: Double { 0.1 }

  private var entries: [UInt64: Entry] = [:]
  private var dependents: [UInt64: Set<UInt64>] = [:]
  /// The jobs whose `asked` or `expected` has the name.
  private var wanted: [String: Set<UInt64>] = [:]
  private var deadlines = JobHeap<Timestamp>()
  /// Jobs of which something has changed, to be looked at.
  private var changed = JobHeap<Rank>()
  private var askedCount = 0

  public init() {}

  // MARK: Jobs

  /// Whether a job that need not wait would overtake one that may begin by now.
  public func comesFirst(before rank: Rank) -> Bool { changed.first.map { $0 < rank } ?? false }

  /// Adds a job; one that waits for others is then to be told of each (`resolve`).
  public mutating func add(_ key: UInt64, _ conditions: Conditions, _ payload: Payload) {
    var entry = Entry(conditions: conditions, payload: payload, asked: Set(conditions.after))
    let own = [conditions.name, conditions.id].compactMap { $0 }
    if own.contains(where: entry.asked.contains) {
      entry.failure = .cycle([conditions.name, conditions.name])
      entry.asked = []
    }
    for name in entry.asked { wanted[name, default: []].insert(key) }
    askedCount += entry.asked.count
    let previous = entries.updateValue(entry, forKey: key)
    precondition(previous == nil, "job \(key) waits twice")
    if let time = conditions.notBefore { deadlines.push(time, key) }
    if let time = conditions.expires { deadlines.push(time, key) }
    changed.push(conditions.rank, key)
  }

  /// Tells what is known of a name in the `after` of job `key`.
  public mutating func resolve(_ name: String, of key: UInt64, _ knowledge: Knowledge) {
    guard var entry = entries[key], entry.asked.remove(name) != nil else { return }
    askedCount -= 1
    switch knowledge {
    case .unknown:
      entry.expected.insert(name)
      entries[key] = entry
      deadlines.push(entry.conditions.patience, key)
    case .ended(let status):
      if status != .done {
        entry.failure = entry.failure ?? .endedOtherwise(name: name, status)
      }
      entries[key] = entry
      forget(name, wantedBy: key)
    case .inFlight(let dependency):
      entries[key] = entry
      bind(name, of: key, to: dependency)
    }
    changed.push(entry.conditions.rank, key)
  }

  /// Tells the same to all jobs that wait to hear of the name.
  public mutating func resolveAll(_ name: String, _ knowledge: Knowledge) {
    for key in wanted[name] ?? [] { resolve(name, of: key, knowledge) }
  }

  /// What nobody had seen may be known by now: each job that waits for such a name is to be told of it
  /// again (`resolve`).
  /// - Returns: the names.
  public mutating func askAgain() -> Set<String> {
    var names: Set<String> = []
    for (key, entry) in entries where !entry.expected.isEmpty {
      entries[key]?.asked.formUnion(entry.expected)
      entries[key]?.expected = []
      askedCount += entry.expected.count
      names.formUnion(entry.expected)
    }
    return names
  }

  /// Whether some job waits for one of that name.
  public func wants(_ name: String) -> Bool { wanted[name] != nil }

  /// Whether it is known that nobody has seen a job of that name, which would be told of at once.
  public func expects(_ name: String) -> Bool {
    wanted[name]?.contains { entries[$0]?.expected.contains(name) == true } ?? false
  }

  /// A job of that name or id has come.
  /// - Returns: whether some job waits for it, so that its end is of interest.
  public mutating func seen(_ name: String, _ key: UInt64) -> Bool {
    var isOfInterest = false
    for waiter in wanted[name] ?? [] where waiter != key {
      guard var entry = entries[waiter] else { continue }
      if entry.asked.remove(name) != nil { askedCount -= 1 }
      entry.expected.remove(name)
      entries[waiter] = entry
      bind(name, of: waiter, to: key)
      isOfInterest = true
    }
    return isOfInterest
  }

  /// A job has ended, one of those here or one that others wait for.
  public mutating func ended(_ key: UInt64, _ status: JobStatus) {
    _ = remove(key)
    for waiter in dependents.removeValue(forKey: key) ?? [] {
      guard var entry = entries[waiter], let name = entry.bound.removeValue(forKey: key)
      else { continue }
      if status != .done {
        entry.failure = entry.failure ?? .endedOtherwise(name: name, status)
      }
      entries[waiter] = entry
      changed.push(entry.conditions.rank, waiter)
    }
  }

  /// Takes a job out. Others may go on waiting for it.
  @discardableResult
  public mutating func remove(_ key: UInt64) -> Payload? {
    guard let entry = entries.removeValue(forKey: key) else { return nil }
    askedCount -= entry.asked.count
    for name in entry.asked.union(entry.expected) { forget(name, wantedBy: key) }
    for dependency in entry.bound.keys { forget(dependent: key, of: dependency) }
    if deadlines.count > 4 * entries.count + 1024 {
      deadlines.compact { entries[$0] != nil }
    }
    return entry.payload
  }

  /// A job that had begun waits again, for the end of a pause.
  /// - Returns: false where it is not here.
  public mutating func putBack(_ key: UInt64) -> Bool {
    guard entries[key] != nil else { return false }
    entries[key]?.hasStarted = false
    entries[key]?.conditions.isHeld = true
    return true
  }

  /// Says anew which waiting jobs a pause concerns.
  public mutating func hold(_ isHeld: (Payload) -> Bool) {
    for (key, entry) in entries where !entry.hasStarted {
      let holds = isHeld(entry.payload)
      guard holds != entry.conditions.isHeld else { continue }
      entries[key]?.conditions.isHeld = holds
      changed.push(entry.conditions.rank, key)
    }
  }

  // MARK: Looking

  public subscript(key: UInt64) -> Payload? { entries[key]?.payload }

  /// Whether the job is here and has not begun.
  public func isWaiting(_ key: UInt64) -> Bool { entries[key]?.hasStarted == false }

  /// Jobs that have not begun.
  public var waitingCount: Int { entries.values.count { !$0.hasStarted } }

  public var isEmpty: Bool { entries.isEmpty && dependents.isEmpty }

  /// Whether nothing is to be done before a deadline or a word from outside.
  public var isSettled: Bool { changed.isEmpty && askedCount == 0 }

  /// When `tick` has something to do if nothing else happens: the past for at once, nil for never.
  public var nextDeadline: Timestamp? {
    changed.isEmpty ? deadlines.first : Timestamp(nanoseconds: .min)
  }

  // MARK: Time

  /// What is to be done at `now`, at most `most` things; `nextDeadline` tells whether there is more.
  public mutating func tick(now: Timestamp, most: Int = .max) -> [Action] {
    while let key = deadlines.pop(upTo: now) {
      if let entry = entries[key] { changed.push(entry.conditions.rank, key) }
    }
    var actions: [Action] = []
    while actions.count < most, let key = changed.pop() {
      if let action = action(key, now) { actions.append(action) }
    }
    return actions
  }

  private mutating func action(_ key: UInt64, _ now: Timestamp) -> Action? {
    guard let entry = entries[key] else { return nil }
    let hasExpired = entry.conditions.expires.map { $0 <= now } ?? false
    if entry.hasStarted {
      guard hasExpired, entry.stopAt <= now else { return nil }
      let again = now.advanced(bySeconds: Self.stopInterval)
      entries[key]?.stopAt = again
      deadlines.push(again, key)
      return .stop(key, entry.payload)
    }
    if let cause = cause(entry, hasExpired, now) {
      remove(key)
      return .giveUp(key, entry.payload, cause)
    }
    guard !entry.conditions.isHeld, entry.asked.isEmpty, entry.expected.isEmpty,
      entry.bound.isEmpty, entry.conditions.notBefore.map({ $0 <= now }) ?? true
    else { return nil }
    if entry.conditions.expires == nil {
      remove(key)
    } else {
      entries[key]?.hasStarted = true
    }
    return .start(key, entry.payload)
  }

  private func cause(_ entry: Entry, _ hasExpired: Bool, _ now: Timestamp) -> Cause? {
    if let failure = entry.failure { return failure }
    if hasExpired { return .expired }
    if now >= entry.conditions.patience, let name = entry.expected.min() {
      return .neverSeen(name: name)
    }
    return nil
  }

  // MARK: Dependencies

  private mutating func bind(_ name: String, of key: UInt64, to dependency: UInt64) {
    forget(name, wantedBy: key)
    entries[key]?.bound[dependency] = name
    dependents[dependency, default: []].insert(key)
    // A circle is closed only by a job that others wait for, and through one that waits itself.
    guard dependents[key] != nil, entries[dependency]?.bound.isEmpty == false else { return }
    failCircles(through: key)
  }

  private mutating func failCircles(through key: UInt64) {
    let (entries, dependents) = (entries, dependents)
    let search = DependencyCycle(
      dependencies: { entries[$0].map { Array($0.bound.keys) } ?? [] },
      dependents: { dependents[$0].map(Array.init) ?? [] })
    for (member, circle) in search.circles(through: key) {
      let names = circle.map { entries[$0]?.conditions.name ?? "" }
      guard let entry = entries[member] else { continue }
      self.entries[member]?.failure = .cycle(names)
      changed.push(entry.conditions.rank, member)
    }
  }

  private mutating func forget(_ name: String, wantedBy key: UInt64) {
    wanted[name]?.remove(key)
    if wanted[name]?.isEmpty == true { wanted[name] = nil }
  }

  private mutating func forget(dependent key: UInt64, of dependency: UInt64) {
    dependents[dependency]?.remove(key)
    if dependents[dependency]?.isEmpty == true { dependents[dependency] = nil }
  }
}

extension WaitingJobs.Action: Equatable where Payload: Equatable {}
