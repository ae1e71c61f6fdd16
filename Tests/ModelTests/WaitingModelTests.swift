import Glibc
import TestSupport
import Testing

@testable import Sluice

/// Random histories, run on `WaitingJobs` and on the naive one: each answer must be the same.
@Suite("WaitingJobs against its model")
struct WaitingModelTests {
  @Test("2000 random histories of waiting jobs give the same answers as looking at all of them")
  func histories() {
    let given = getenv("SLUICE_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64(bitPattern: Timestamp.now().nanoseconds)
    for number in 0..<2000 {
      var history = WaitingHistory(seed: seed &+ UInt64(number))
      if let difference = history.run(steps: 60) {
        Issue.record("SLUICE_SEED=\(seed &+ UInt64(number)): \(difference)")
        return
      }
    }
  }
}

private struct WaitingHistory {
  private static let names = ["a", "b", "c", "d", "e", "f"]

  private var random: SeededGenerator
  private var jobs = WaitingJobs<Int>()
  private var naive = NaiveWaiting()
  private var now = Timestamp(nanoseconds: 0)
  private var nextKey: UInt64 = 1
  /// Jobs that have not ended, by key, with their names.
  private var alive: [UInt64: String] = [:]
  private var told: [String] = []

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// - Returns: what differed.
  mutating func run(steps: Int) -> String? {
    for _ in 0..<steps {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4: add()
      case 4: end()
      case 5: answer()
      case 6: remove()
      case 7: hold()
      default: now = now.advanced(bySeconds: .random(in: 0...0.4, using: &random))
      }
      if Bool.random(using: &random), let difference = tick() { return difference }
    }
    return nil
  }

  private mutating func add() {
    let key = nextKey
    nextKey += 1
    let name = Self.names.randomElement(using: &random) ?? "a"
    var conditions = WaitingJobs<Int>.Conditions(
      name: name, rank: .init(.normal, now, name, key))
    func time() -> Timestamp? {
      Bool.random(using: &random)
        ? nil : now.advanced(bySeconds: .random(in: 0...1, using: &random))
    }
    conditions.notBefore = time()
    conditions.expires = time()
    conditions.patience = time() ?? conditions.patience
    conditions.isHeld = Int.random(in: 0..<5, using: &random) == 0
    let count = Int.random(in: 0...3, using: &random)
    conditions.after = (0..<count).compactMap { _ in Self.names.randomElement(using: &random) }
    told.append("add \(key) \(name) after \(conditions.after)")
    _ = jobs.seen(name, key)
    naive.seen(name, key)
    let others = alive
    alive[key] = name
    jobs.add(key, conditions, 0)
    naive.add(key, conditions)
    for other in Set(conditions.after).sorted() {
      guard let knowledge = knowledge(of: other, others) else { continue }
      jobs.resolve(other, of: key, knowledge)
      naive.resolve(other, of: key, knowledge)
    }
  }

  private mutating func knowledge(
    of name: String, _ others: [UInt64: String]
  ) -> WaitingJobs<Int>.Knowledge? {
    if let key = others.filter({ $0.value == name }).keys.max() { return .inFlight(key) }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return .ended(.done)
    case 1: return .ended(.failed)
    case 2: return .unknown
    default: return nil
    }
  }

  private mutating func end() {
    guard let key = alive.keys.sorted().randomElement(using: &random), !jobs.isWaiting(key)
    else { return }
    let status: JobStatus = Bool.random(using: &random) ? .done : .failed
    told.append("end \(key) \(status)")
    alive[key] = nil
    jobs.ended(key, status)
    naive.ended(key, status)
  }

  private mutating func answer() {
    guard let name = Self.names.randomElement(using: &random) else { return }
    let knowledge: WaitingJobs<Int>.Knowledge =
      Bool.random(using: &random) ? .ended(.done) : .unknown
    told.append("answer \(name) \(knowledge)")
    jobs.resolveAll(name, knowledge)
    for key in naive.waiters.keys { naive.resolve(name, of: key, knowledge) }
  }

  private mutating func remove() {
    guard let key = alive.keys.sorted().randomElement(using: &random), jobs.isWaiting(key)
    else { return }
    told.append("remove \(key)")
    _ = jobs.remove(key)
    naive.waiters[key] = nil
  }

  private mutating func hold() {
    let holds = Bool.random(using: &random)
    told.append("hold \(holds)")
    jobs.hold { _ in holds }
    for (key, waiter) in naive.waiters where !waiter.hasStarted {
      naive.waiters[key]?.conditions.isHeld = holds
    }
  }

  private mutating func tick() -> String? {
    let hadDeadline = jobs.nextDeadline.map { $0 <= now } ?? false
    let actions = Set(jobs.tick(now: now).map(NaiveWaiting.Fate.init))
    let expected = naive.tick(now)
    told.append("tick \(now.nanoseconds / 1_000_000): \(actions)")
    if actions != expected { return "\(told)\nexpected \(expected)" }
    if !actions.isEmpty, !hadDeadline { return "\(told)\nnextDeadline did not tell of it" }
    if jobs.nextDeadline.map({ $0 <= now }) == true { return "\(told)\nit is never settled" }
    return nil
  }
}
