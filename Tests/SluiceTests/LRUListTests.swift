import TestSupport
import Testing

@testable import Sluice

@Suite("LRUList")
struct LRUListTests {
  @Test("a list of three: what was used longest ago goes first")
  func order() {
    var list = LRUList<String, Int>()
    for (number, key) in ["a", "b", "c"].enumerated() { list.insert(number, for: key) }
    #expect(list.keys == ["c", "b", "a"])
    #expect(list.use("a") == 0)
    #expect(list.use("none") == nil)
    #expect(list.keys == ["a", "c", "b"])
    #expect(list.removeOldest() == 1)
    #expect(list.remove("a") == 0)
    #expect(list.keys == ["c"])
    #expect(list.insert(9, for: "c") == 2)
    #expect(list.removeOldest() == 9)
    #expect(list.removeOldest() == nil)
    #expect(list.isEmpty)
  }

  @Test("random histories end as a sorted array does")
  func histories() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<200 {
      var list = LRUList<Int, Int>()
      var model: [(key: Int, value: Int)] = []
      for step in 0..<60 {
        let key = Int.random(in: 0..<8, using: &random)
        let place = model.firstIndex { $0.key == key }
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
          list.insert(step, for: key)
          if let place { model.remove(at: place) }
          model.insert((key, step), at: 0)
        case 2:
          #expect(list.use(key) == place.map { model[$0].value })
          if let place { model.insert(model.remove(at: place), at: 0) }
        case 3:
          #expect(list.remove(key) == place.map { model[$0].value })
          if let place { model.remove(at: place) }
        case 4:
          #expect(list.removeOldest() == model.last?.value)
          _ = model.popLast()
        default:
          let removed = list.filter { $0 % 3 != 0 }
          #expect(Set(removed) == Set(model.map(\.value).filter { $0 % 3 == 0 }))
          model.removeAll { $0.value % 3 == 0 }
        }
        #expect(list.keys == model.map(\.key))
        #expect(list.count == model.count)
      }
    }
  }
}
