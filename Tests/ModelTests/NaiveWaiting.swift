import Sluice

/// `WaitingJobs` as its documentation says it, with everything looked at anew each time.
struct NaiveWaiting {
  typealias Conditions = WaitingJobs<Int>.Conditions

  enum Dependency: Equatable {
    case asked
    case unseen
    case inHand(UInt64)
  }

  enum Fate: Hashable {
    case start(UInt64)
    case expired(UInt64)
    case otherwise(UInt64)
    case neverSeen(UInt64)
    case cycle(UInt64)
    case stop(UInt64)
  }

  struct Waiter {
    var conditions: Conditions
    var needs: [String: Dependency]
    var isInCycle = false
    var hasFailed = false
    var hasStarted = false
    var stopAt = Timestamp(nanoseconds: .min)
  }

  var waiters: [UInt64: Waiter] = [:]

  mutating func add(_ key: UInt64, _ conditions: Conditions) {
    let needs = Dictionary(conditions.after.map { ($0, Dependency.asked) }) { first, _ in first }
    var waiter = Waiter(conditions: conditions, needs: needs)
    if needs[conditions.name] != nil || conditions.id.map({ needs[$0] != nil }) == true {
      waiter.isInCycle = true
      waiter.needs = [:]
    }
    waiters[key] = waiter
  }

  mutating func resolve(_ name: String, of key: UInt64, _ knowledge: WaitingJobs<Int>.Knowledge) {
    guard waiters[key]?.needs[name] == .asked else { return }
    switch knowledge {
    case .unknown: waiters[key]?.needs[name] = .unseen
    case .inFlight(let other): bind(name, key, other)
    case .ended(let status):
      waiters[key]?.needs[name] = nil
      if status != .done { waiters[key]?.hasFailed = true }
    }
  }

  mutating func seen(_ name: String, _ key: UInt64) {
    for (waiter, state) in waiters where waiter != key {
      if state.needs[name] == .asked || state.needs[name] == .unseen { bind(name, waiter, key) }
    }
  }

  private mutating func bind(_ name: String, _ key: UInt64, _ other: UInt64) {
    waiters[key]?.needs[name] = .inHand(other)
    for start in waiters.keys where reaches(start, start) {
      // One that is on a circle already, or was judged, is not judged again.
      waiters[start]?.isInCycle = true
    }
  }

  private func reaches(_ start: UInt64, _ end: UInt64) -> Bool {
    var seen: Set<UInt64> = []
    var open = [start]
    while let key = open.popLast() {
      for case .inHand(let next) in waiters[key].map({ Array($0.needs.values) }) ?? [] {
        if next == end { return true }
        if seen.insert(next).inserted { open.append(next) }
      }
    }
    return false
  }

  mutating func ended(_ key: UInt64, _ status: JobStatus) {
    waiters[key] = nil
    for (waiter, state) in waiters {
      for (name, need) in state.needs where need == .inHand(key) {
        waiters[waiter]?.needs[name] = nil
        if status != .done { waiters[waiter]?.hasFailed = true }
      }
    }
  }

  mutating func tick(_ now: Timestamp) -> Set<Fate> {
    var fates: Set<Fate> = []
    for (key, waiter) in waiters {
      guard let fate = fate(key, waiter, now) else { continue }
      fates.insert(fate)
      switch fate {
      case .stop: waiters[key]?.stopAt = now.advanced(bySeconds: 0.1)
      case .start where waiter.conditions.expires != nil: waiters[key]?.hasStarted = true
      default: waiters[key] = nil
      }
    }
    return fates
  }

  private func fate(_ key: UInt64, _ waiter: Waiter, _ now: Timestamp) -> Fate? {
    let hasExpired = waiter.conditions.expires.map { $0 <= now } ?? false
    if waiter.hasStarted { return hasExpired && waiter.stopAt <= now ? .stop(key) : nil }
    if waiter.isInCycle { return .cycle(key) }
    if waiter.hasFailed { return .otherwise(key) }
    if hasExpired { return .expired(key) }
    if now >= waiter.conditions.patience, waiter.needs.values.contains(.unseen) {
      return .neverSeen(key)
    }
    let isEarly = waiter.conditions.notBefore.map { now < $0 } ?? false
    if isEarly || waiter.conditions.isHeld || !waiter.needs.isEmpty { return nil }
    return .start(key)
  }
}

extension NaiveWaiting.Fate {
  init(_ action: WaitingJobs<Int>.Action) {
    switch action {
    case .start(let key, _): self = .start(key)
    case .stop(let key, _): self = .stop(key)
    case .giveUp(let key, _, let cause):
      switch cause {
      case .expired: self = .expired(key)
      case .endedOtherwise: self = .otherwise(key)
      case .neverSeen: self = .neverSeen(key)
      case .cycle: self = .cycle(key)
      }
    }
  }
}
