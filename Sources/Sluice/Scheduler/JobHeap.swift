/// Jobs to be looked at, in the order of an instant or a rank; pure.
///
/// Jobs that have gone are left in it until their turn comes or `compact` is called.
struct JobHeap<Order: Comparable & Sendable>: Sendable {
  private var nodes: [(order: Order, key: UInt64)] = []

  var count: Int { nodes.count }
  var isEmpty: Bool { nodes.isEmpty }
  var first: Order? { nodes.first?.order }

  mutating func push(_ order: Order, _ key: UInt64) {
    nodes.append((order, key))
    var child = nodes.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if nodes[parent].order <= nodes[child].order { break }
      nodes.swapAt(parent, child)
      child = parent
    }
  }

  /// Takes the first one, if it does not come behind `limit`.
  mutating func pop(upTo limit: Order) -> UInt64? {
    guard let first, first <= limit else { return nil }
    return pop()
  }

  /// Takes the first one.
  mutating func pop() -> UInt64? {
    guard let first = nodes.first else { return nil }
    let last = nodes.removeLast()
    if !nodes.isEmpty {
      nodes[0] = last
      siftDown(from: 0)
    }
    return first.key
  }

  /// Forgets the jobs that `isKept` refuses.
  mutating func compact(_ isKept: (UInt64) -> Bool) {
    nodes.removeAll { !isKept($0.key) }
    guard nodes.count > 1 else { return }
    for index in stride(from: nodes.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
  }

  private mutating func siftDown(from start: Int) {
    var parent = start
    while true {
      var child = 2 * parent + 1
      if child >= nodes.count { return }
      if child + 1 < nodes.count, nodes[child + 1].order < nodes[child].order { child += 1 }
      if nodes[parent].order <= nodes[child].order { return }
      nodes.swapAt(parent, child)
      parent = child
    }
  }
}
