import TestSupport

/// Changes inputs at random, the same way for the same seed.
struct Mutation {
  static let bytesMax = 4096
  var generator: SeededGenerator
  let words: [[UInt8]]

  /// One of `pool`, changed in one to eight ways.
  mutating func next(from pool: [[UInt8]]) -> [UInt8] {
    var bytes = pool.randomElement(using: &generator) ?? []
    for _ in 0..<Int.random(in: 1...8, using: &generator) { change(&bytes, pool) }
    return Array(bytes.prefix(Self.bytesMax))
  }

  private mutating func change(_ bytes: inout [UInt8], _ pool: [[UInt8]]) {
    let place = Int.random(in: 0...bytes.count, using: &generator)
    let end = min(bytes.count, place + Int.random(in: 0...32, using: &generator))
    switch Int.random(in: 0..<8, using: &generator) {
    case 0 where place < bytes.count:
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes.insert(UInt8.random(in: .min ... .max, using: &generator), at: place)
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
    case 4:
      let other = pool.randomElement(using: &generator) ?? []
      let from = Int.random(in: 0...other.count, using: &generator)
      bytes.replaceSubrange(place..., with: other[from...])
    case 5:
      let word = words.randomElement(using: &generator) ?? []
      let times = Int.random(in: 0..<20, using: &generator) == 0 ? 100 : 1
      for _ in 0..<times { bytes.insert(contentsOf: word, at: place) }
    case 6: bytes.replaceSubrange(place..<end, with: words.randomElement(using: &generator) ?? [])
    default: bytes.removeLast(bytes.count - place > 64 ? 0 : bytes.count - place)
    }
  }
}
