/// Instants at which jobs are to be looked at, earliest first; pure.
///
/// Jobs that have gone are left in it until their time comes or `compact` is called.
struct DeadlineHeap: Sendable {
  private var nodes: [(time: Timestamp, key: UInt64)] = []

  var count: Int { nodes.count }
  var first: Timestamp? { nodes.first?.time }

  mutating func push(_ time: Timestamp, _ key: UInt64) {
    nodes.append((time, key))
    var child = nodes.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if nodes[parent].time <= nodes[child].time { break }
      nodes.swapAt(parent, child)
      child = parent
    }
  }

  /// Takes the earliest one that is due at `now`.
  mutating func pop(dueAt now: Timestamp) -> UInt64? {
    guard let first = nodes.first, first.time <= now else { return nil }
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
      if child + 1 < nodes.count, nodes[child + 1].time < nodes[child].time { child += 1 }
      if nodes[parent].time <= nodes[child].time { return }
      nodes.swapAt(parent, child)
      parent = child
    }
  }
}
