/// Finds the first key of an object that an earlier member has already, comparing bytes.
enum RepeatedKey {
  /// Up to here comparing each with each is cheaper than hashing.
  private static let pairwiseMax = 12

  static func firstIndex(in members: [JSONMember]) -> Int? {
    if members.count <= pairwiseMax {
      for index in members.indices {
        for earlier in 0..<index where same(members[earlier].key, members[index].key) {
          return index
        }
      }
      return nil
    }
    var seen = Set<Key>(minimumCapacity: members.count)
    return members.firstIndex { !seen.insert(Key(text: $0.key)).inserted }
  }

  private static func same(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
  }

  /// A string that equals only its own bytes; `String` itself equals its canonical equivalents.
  private struct Key: Hashable {
    var text: String

    static func == (left: Key, right: Key) -> Bool { same(left.text, right.text) }

    func hash(into hasher: inout Hasher) {
      for byte in text.utf8 { hasher.combine(byte) }
    }
  }
}
