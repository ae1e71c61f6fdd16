/// Values by key in the order of their last use; every operation but `removeAll` takes constant
/// time.
///
/// The order is a list of indices within one array, so that an entry is no object of its own.
struct LRUList<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Node: Sendable {
    var key: Key
    var value: Value
    var newer: Int
    var older: Int
  }

  private static var none: Int { -1 }

  /// nil where the place is free.
  private var nodes: [Node?] = []
  private var free: [Int] = []
  private var places: [Key: Int] = [:]
  private var newest = none
  private var oldest = none

  var count: Int { places.count }
  var isEmpty: Bool { places.isEmpty }

  /// The value of `key`, which becomes the most recently used one.
  mutating func use(_ key: Key) -> Value? {
    guard let place = places[key] else { return nil }
    if place != newest {
      unlink(place)
      link(place)
    }
    return nodes[place]?.value
  }

  /// Changes the value of `key` without counting as a use.
  mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
    guard let place = places[key], var node = nodes[place] else { return }
    change(&node.value)
    nodes[place] = node
  }

  /// Adds or replaces; it becomes the most recently used one.
  /// - Returns: the value that it replaced.
  @discardableResult
  mutating func insert(_ value: Value, for key: Key) -> Value? {
    let replaced = remove(key)
    let node = Node(key: key, value: value, newer: Self.none, older: Self.none)
    let place: Int
    if let empty = free.popLast() {
      place = empty
      nodes[place] = node
    } else {
      place = nodes.count
      nodes.append(node)
    }
    places[key] = place
    link(place)
    return replaced
  }

  @discardableResult
  mutating func remove(_ key: Key) -> Value? {
    guard let place = places.removeValue(forKey: key) else { return nil }
    unlink(place)
    defer {
      nodes[place] = nil
      free.append(place)
    }
    return nodes[place]?.value
  }

  /// Removes the least recently used one.
  mutating func removeOldest() -> Value? {
    guard oldest != Self.none, let node = nodes[oldest] else { return nil }
    return remove(node.key)
  }

  mutating func removeAll() { self = LRUList() }

  /// Removes what `isWanted` refuses.
  /// - Returns: what was removed.
  mutating func filter(_ isWanted: (Value) -> Bool) -> [Value] {
    let keys = nodes.compactMap { node in
      node.flatMap { isWanted($0.value) ? nil : $0.key }
    }
    return keys.compactMap { remove($0) }
  }

  /// The keys from the most to the least recently used one.
  var keys: [Key] {
    var keys: [Key] = []
    var place = newest
    while place != Self.none, let node = nodes[place] {
      keys.append(node.key)
      place = node.older
    }
    return keys
  }

  private mutating func link(_ place: Int) {
    nodes[place]?.older = newest
    nodes[place]?.newer = Self.none
    if newest != Self.none { nodes[newest]?.newer = place }
    newest = place
    if oldest == Self.none { oldest = place }
  }

  private mutating func unlink(_ place: Int) {
    guard let node = nodes[place] else { return }
    if node.newer == Self.none {
      newest = node.older
    } else {
      nodes[node.newer]?.older = node.older
    }
    if node.older == Self.none {
      oldest = node.newer
    } else {
      nodes[node.older]?.newer = node.newer
    }
  }
}
