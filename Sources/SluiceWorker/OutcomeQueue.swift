import Sluice

/// Outcomes on their way to the publisher: urgent ones first, otherwise in the order they came.
///
/// An urgent outcome never overtakes one of the same job name, whose result it has to replace.
struct OutcomeQueue: Sendable {
  struct Item: Sendable {
    var outcome: Outcome
    var database: String
  }

  private var urgent: [Item] = []
  private var others: [Item] = []
  /// Items of `others` taken already; cut off now and then.
  private var taken = 0
  private var names: [String: Int] = [:]

  var count: Int { urgent.count + others.count - taken }

  mutating func add(_ outcomes: [Outcome], database: String) {
    for outcome in outcomes {
      let item = Item(outcome: outcome, database: database)
      if outcome.ticket.priority == .urgent, names[outcome.ticket.name] == nil {
        urgent.append(item)
      } else {
        names[outcome.ticket.name, default: 0] += 1
        others.append(item)
      }
    }
  }

  mutating func next() -> Item? { urgent.isEmpty ? takeOther() : urgent.removeFirst() }

  private mutating func takeOther() -> Item? {
    guard taken < others.count else { return nil }
    let item = others[taken]
    taken += 1
    if taken >= 512, taken * 2 >= others.count {
      others.removeFirst(taken)
      taken = 0
    }
    let name = item.outcome.ticket.name
    if let count = names[name] { names[name] = count > 1 ? count - 1 : nil }
    return item
  }

  /// The lowest ledger key of `database` that is still here.
  func lowestKey(of database: String) -> Int64? {
    var lowest: Int64?
    for item in urgent + others[taken...] where item.database == database {
      if case .ledger(let key) = item.outcome.durability { lowest = min(lowest ?? key, key) }
    }
    return lowest
  }
}
