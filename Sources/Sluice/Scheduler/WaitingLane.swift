/// The jobs of one lane in order of arrival, then name, then key; a heap that can lose any of them.
///
/// A job stays in one slot from `insert` to `remove`, which is how its owner finds it again: the
/// heap moves slot numbers, not jobs. Both cost O(log n); an arrival in order costs O(1).
struct WaitingLane<Element: Sendable>: Sendable {
  struct Entry: Sendable {
    var element: Element
    var key: UInt64
    var arrival: Timestamp
    var name: String
    var preemptions: Int
  }

  private struct Slot: Sendable {
    /// nil while the slot is free.
    var entry: Entry?
    /// Where in `heap` this slot's number is; stale while the slot is free.
    var position: Int
  }

  /// The arrival lies beside the slot's number, since almost every comparison ends with it.
  private struct Node: Sendable {
    var arrival: Int64
    var slot: Int
  }

  private var heap: [Node] = []
  private var slots: [Slot] = []
  private var free: [Int] = []
  /// A paused lane keeps its jobs and their order; the scheduler passes it over.
  var paused = false

  var count: Int { heap.count }

  /// The job whose turn it is; nil when none waits.
  var first: Entry? { heap.first.flatMap { slots[$0.slot].entry } }

  /// When the job whose turn it is arrived; cheaper than `first`, which copies the job.
  var firstArrival: Timestamp? { heap.first.map { Timestamp(nanoseconds: $0.arrival) } }

  /// The job in `slot`; nil while it is free.
  func entry(in slot: Int) -> Entry? { slots[slot].entry }

  /// Adds a job and tells its slot.
  mutating func insert(_ entry: Entry) -> Int {
    let node: Node
    if let slot = free.popLast() {
      slots[slot].entry = entry
      node = Node(arrival: entry.arrival.nanoseconds, slot: slot)
    } else {
      slots.append(Slot(entry: entry, position: heap.count))
      node = Node(arrival: entry.arrival.nanoseconds, slot: slots.count - 1)
    }
    heap.append(node)
    siftUp(node, from: heap.count - 1)
    return node.slot
  }

  mutating func removeFirst() -> Entry? {
    guard let node = heap.first else { return nil }
    return remove(slot: node.slot)
  }

  /// Takes out the job in `slot`, which must hold one.
  mutating func remove(slot: Int) -> Entry {
    guard let entry = slots[slot].entry else { preconditionFailure("slot \(slot) is free") }
    let position = slots[slot].position
    slots[slot].entry = nil
    free.append(slot)
    let last = heap.removeLast()
    if position < heap.count {
      // The last node takes the gap, and may belong above or below it.
      if position > 0 && precedes(last, heap[(position - 1) / 2]) {
        siftUp(last, from: position)
      } else {
        siftDown(last, from: position)
      }
    }
    if heap.isEmpty { shrink() }
    return entry
  }

  /// The slots whose job `predicate` accepts, in the jobs' order.
  func slots(where predicate: (Entry) -> Bool) -> [Int] {
    heap.filter { node in slots[node.slot].entry.map(predicate) ?? false }
      .sorted(by: precedes)
      .map(\.slot)
  }

  /// Whether this lane's first job comes before the other's; both must have one.
  func firstPrecedes(_ other: WaitingLane) -> Bool {
    guard let mine = heap.first, let theirs = other.heap.first else {
      preconditionFailure("compared an empty lane")
    }
    if mine.arrival != theirs.arrival { return mine.arrival < theirs.arrival }
    return Self.precedes(slots[mine.slot].entry, other.slots[theirs.slot].entry)
  }

  private mutating func siftUp(_ node: Node, from start: Int) {
    var position = start
    while position > 0 {
      let parent = (position - 1) / 2
      if !precedes(node, heap[parent]) { break }
      place(heap[parent], at: position)
      position = parent
    }
    place(node, at: position)
  }

  private mutating func siftDown(_ node: Node, from start: Int) {
    var position = start
    while true {
      var child = 2 * position + 1
      if child >= heap.count { break }
      if child + 1 < heap.count && precedes(heap[child + 1], heap[child]) { child += 1 }
      if !precedes(heap[child], node) { break }
      place(heap[child], at: position)
      position = child
    }
    place(node, at: position)
  }

  private mutating func place(_ node: Node, at position: Int) {
    heap[position] = node
    slots[node.slot].position = position
  }

  private func precedes(_ left: Node, _ right: Node) -> Bool {
    if left.arrival != right.arrival { return left.arrival < right.arrival }
    return Self.precedes(slots[left.slot].entry, slots[right.slot].entry)
  }

  /// The order of two jobs that arrived in the same nanosecond (or tick of the file system).
  private static func precedes(_ left: Entry?, _ right: Entry?) -> Bool {
    guard let left, let right else { preconditionFailure("a free slot in the heap") }
    if left.name != right.name { return left.name < right.name }
    return left.key < right.key
  }

  /// Gives back the room of a backlog once it is gone.
  private mutating func shrink() {
    if slots.count <= 1024 { return }
    heap = []
    slots = []
    free = []
  }

  /// Traps unless the heap is ordered and every slot is either in it, once, or free.
  func _checkInvariants() {
    for (position, node) in heap.enumerated() {
      guard let entry = slots[node.slot].entry else {
        preconditionFailure("free slot \(node.slot) in the heap at \(position)")
      }
      precondition(slots[node.slot].position == position, "slot \(node.slot) lost its place")
      precondition(entry.arrival.nanoseconds == node.arrival, "slot \(node.slot): other arrival")
      if position > 0 {
        precondition(!precedes(node, heap[(position - 1) / 2]), "heap disordered at \(position)")
      }
    }
    precondition(free.allSatisfy { slots[$0].entry == nil }, "a free slot holds a job")
    precondition(heap.count + free.count == slots.count, "a slot is neither free nor in use")
  }
}
