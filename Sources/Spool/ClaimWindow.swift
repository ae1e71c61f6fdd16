import Glibc

/// The oldest entries of one pass over a directory, by (change time, name): filled in any order,
/// then emptied oldest first.
///
/// Names lie end to end in one arena, an entry is 16 bytes: 65,536 names of 30 bytes take 3 MB, and
/// twice that while filling. What does not fit is the newest, and dropped.
struct ClaimWindow {
  private struct Entry {
    /// Nanoseconds since 1970.
    var changed: Int64
    var offset: UInt32
    var length: UInt16
  }

  /// Entries kept at least, if there are as many.
  private let capacity: Int
  /// Bytes of names at which the newest half goes.
  private let arenaMax: Int
  private var entries: [Entry] = []
  private var arena: [UInt8] = []
  /// The newest entry kept when others were dropped; only what is older is taken in from then on.
  private var limit: Int64 = .max
  private var limitName: [UInt8] = []
  private var random = SystemRandomNumberGenerator()
  /// Whether something was dropped, so that another pass is needed.
  private(set) var isPartial = false

  init(capacity: Int, arenaMax: Int) {
    precondition(capacity > 0 && arenaMax >= capacity)
    self.capacity = capacity
    self.arenaMax = arenaMax
  }

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }
  /// Memory held, in bytes.
  var footprint: Int {
    entries.capacity * MemoryLayout<Entry>.stride + arena.capacity
  }

  /// Empties the window for a new pass; gives back memory beyond a small directory's.
  mutating func reset() {
    let isSmall = entries.capacity <= 1024
    entries.removeAll(keepingCapacity: isSmall)
    arena.removeAll(keepingCapacity: isSmall)
    limit = .max
    isPartial = false
  }

  /// Whether a file of that change time has a chance to be among the oldest.
  @inline(__always)
  func admits(changed: Int64) -> Bool { changed <= limit }

  mutating func insert(changed: Int64, name: UnsafePointer<CChar>, length: Int) {
    guard admits(changed: changed) else { return }
    if changed == limit, isPastLimit(name, length) { return }
    entries.append(
      Entry(changed: changed, offset: UInt32(arena.count), length: UInt16(length)))
    arena.append(contentsOf: UnsafeRawBufferPointer(start: name, count: length))
    if entries.count >= 2 * capacity {
      keepOldest(capacity)
    } else if arena.count >= arenaMax {
      keepOldest(entries.count / 2)
    }
  }

  private func isPastLimit(_ name: UnsafePointer<CChar>, _ length: Int) -> Bool {
    let common = min(length, limitName.count)
    let order = limitName.withUnsafeBytes { limit in
      limit.baseAddress.map { memcmp(name, $0, common) } ?? 0
    }
    return order != 0 ? order > 0 : length > limitName.count
  }

  /// Orders what was filled in; from now on `popOldest`.
  mutating func seal() {
    if entries.count > capacity { keepOldest(capacity) }
    arena.withUnsafeBufferPointer { arena in
      entries.withUnsafeMutableBufferPointer { entries in
        guard entries.count > 1 else { return }
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) {
          Self.siftDown(entries, from: index, count: entries.count, arena)
        }
      }
    }
  }

  /// Takes the oldest entry: its change time and its name with a terminating zero.
  mutating func popOldest() -> (changed: Int64, name: [CChar])? {
    guard let oldest = entries.first else { return nil }
    arena.withUnsafeBufferPointer { arena in
      entries.withUnsafeMutableBufferPointer { entries in
        entries[0] = entries[entries.count - 1]
        Self.siftDown(entries, from: 0, count: entries.count - 1, arena)
      }
    }
    entries.removeLast()
    let length = Int(oldest.length)
    let name = arena.withUnsafeBufferPointer { arena in
      [CChar](unsafeUninitializedCapacity: length + 1) { buffer, count in
        for index in 0..<length {
          buffer[index] = CChar(bitPattern: arena[Int(oldest.offset) + index])
        }
        buffer[length] = 0
        count = length + 1
      }
    }
    return (oldest.changed, name)
  }

  // MARK: Order

  @inline(__always)
  private static func precedes(
    _ left: Entry, _ right: Entry, _ arena: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    if left.changed != right.changed { return left.changed < right.changed }
    guard let base = arena.baseAddress else { return false }
    let common = Int(min(left.length, right.length))
    let order = memcmp(base + Int(left.offset), base + Int(right.offset), common)
    return order != 0 ? order < 0 : left.length < right.length
  }

  /// Restores the heap (oldest on top) below `start`.
  private static func siftDown(
    _ entries: UnsafeMutableBufferPointer<Entry>, from start: Int, count: Int,
    _ arena: UnsafeBufferPointer<UInt8>
  ) {
    var parent = start
    let sinking = entries[start]
    while true {
      var child = 2 * parent + 1
      if child >= count { break }
      if child + 1 < count, precedes(entries[child + 1], entries[child], arena) { child += 1 }
      guard precedes(entries[child], sinking, arena) else { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = sinking
  }

  /// Drops all but the oldest `count` entries and packs the arena. Linear on average.
  private mutating func keepOldest(_ count: Int) {
    isPartial = true
    arena.withUnsafeBufferPointer { arena in
      entries.withUnsafeMutableBufferPointer { entries in
        Self.select(entries, count, arena, &random)
      }
    }
    entries.removeLast(entries.count - count)
    rememberLimit()
    var packed = [UInt8]()
    packed.reserveCapacity(arena.count / 2 + 65_536)
    for index in entries.indices {
      let start = Int(entries[index].offset)
      entries[index].offset = UInt32(packed.count)
      packed.append(contentsOf: arena[start..<(start + Int(entries[index].length))])
    }
    arena = packed
  }

  private mutating func rememberLimit() {
    arena.withUnsafeBufferPointer { arena in
      guard
        let newest = entries.max(by: { Self.precedes($0, $1, arena) })
      else { return }
      limit = newest.changed
      let start = Int(newest.offset)
      limitName = Array(arena[start..<(start + Int(newest.length))])
    }
  }

  /// Partitions so that the oldest `count` come first (Hoare's selection with a random pivot: a
  /// directory may be listed in any order, also in an adverse one).
  private static func select(
    _ entries: UnsafeMutableBufferPointer<Entry>, _ count: Int,
    _ arena: UnsafeBufferPointer<UInt8>, _ random: inout SystemRandomNumberGenerator
  ) {
    var low = 0
    var high = entries.count - 1
    while low < high {
      let pivot = entries[Int.random(in: low...high, using: &random)]
      var left = low
      var right = high
      while left <= right {
        while precedes(entries[left], pivot, arena) { left += 1 }
        while precedes(pivot, entries[right], arena) { right -= 1 }
        if left <= right {
          entries.swapAt(left, right)
          left += 1
          right -= 1
        }
      }
      if count - 1 <= right {
        high = right
      } else if count - 1 >= left {
        low = left
      } else {
        return
      }
    }
  }
}
