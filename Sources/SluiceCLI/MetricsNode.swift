import JSON

/// Members of what the worker wrote, with what stands for a missing one.
extension JSONNode {
  func text(_ key: String) -> String {
    guard let node = self[key], let text = node.string else { return "" }
    return text
  }

  func count(_ key: String) -> Int {
    guard let node = self[key], let count = node.integer else { return 0 }
    return Int(count)
  }

  func number(_ key: String) -> Double {
    guard let node = self[key], let number = node.number else { return 0 }
    return number
  }

  func flag(_ key: String) -> Bool {
    guard let node = self[key], let flag = node.bool else { return false }
    return flag
  }

  func list(_ key: String) -> [JSONNode] {
    guard let node = self[key], let list = node.array else { return [] }
    return list
  }

  func members(_ key: String) -> [JSONMember] {
    guard let node = self[key], let members = node.object else { return [] }
    return members
  }

  /// A duration, as a cell of a table.
  func duration(_ key: String) -> TableFormat.Cell {
    .init(number: Quantity.duration(number(key)))
  }
}
