import TOMLKit

/// One value of the configuration file, with the line that it stands on.
struct SettingNode {
  enum Value {
    case integer(Int)
    case real(Double)
    case flag(Bool)
    case text(String)
    /// A date or time.
    case instant
    case table([String: SettingNode])
    case array([SettingNode])
  }

  var value: Value
  /// From 1.
  var line: Int
  /// A number or word as it is written.
  var literal: String

  /// The members of a table in the order of their lines, so that the first mistake is told first.
  static func ordered(_ members: [String: SettingNode]) -> [(key: String, node: SettingNode)] {
    members.map { (key: $0.key, node: $0.value) }.sorted {
      ($0.node.line, $0.key) < ($1.node.line, $1.key)
    }
  }

  /// What was found, for a message.
  var found: String {
    switch value {
    case .integer(let number): literal.isEmpty ? String(number) : literal
    case .real(let number): literal.isEmpty ? String(number) : literal
    case .flag(let flag): flag ? "true" : "false"
    case .text(let text): "the string \"\(Self.shortened(text))\""
    case .instant: "a date or time"
    case .table: "a table"
    case .array: "an array"
    }
  }

  static func shortened(_ text: String) -> String {
    text.count > 60 ? text.prefix(57) + "..." : text
  }
}

extension SettingNode {
  /// - Parameter line: of what it is part of, for a value that has no place of its own.
  init(
    _ value: any TOMLValueConvertible, at path: [SettingPlaces.Step], in places: SettingPlaces,
    line: Int
  ) {
    let place = places.places[path]
    self.line = place?.line ?? line
    literal = place?.literal ?? ""
    switch value.type {
    case .int: self.value = .integer(value.int ?? 0)
    case .double: self.value = .real(value.double ?? .nan)
    case .bool: self.value = .flag(value.bool ?? false)
    case .string: self.value = .text(value.string ?? "")
    case .date, .time, .dateTime: self.value = .instant
    case .table:
      var members: [String: SettingNode] = [:]
      if let table = value.table {
        for key in table.keys {
          guard let member = table[key] else { continue }
          members[key] = SettingNode(member, at: path + [.key(key)], in: places, line: self.line)
        }
      }
      self.value = .table(members)
    case .array:
      let line = self.line
      let elements = value.array.map { array in
        (0..<array.count).map { index in
          SettingNode(array[index], at: path + [.index(index)], in: places, line: line)
        }
      }
      self.value = .array(elements ?? [])
    }
  }
}
