/// A value together with its place in the text it was read from.
public struct JSONNode: Sendable {
  public var value: JSONValue
  /// Its bytes in the source, so that it can be quoted exactly as it was written.
  public var range: Range<Int>

  public init(_ value: JSONValue, range: Range<Int> = 0..<0) {
    self.value = value
    self.range = range
  }
}

/// What RFC 8259 can say, with integers kept apart from reals.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent; exact.
  case integer(Int64)
  /// A number written with a fraction or an exponent; ±infinity where it is too large.
  case real(Double)
  case string(String)
  case array([JSONNode])
  /// In the order of the source.
  case object([JSONMember])
}

/// One `"key": value` of an object.
public struct JSONMember: Sendable {
  public var key: String
  /// Where the key's opening quote stands in the source.
  public var keyOffset: Int
  public var node: JSONNode

  public init(key: String, keyOffset: Int = 0, node: JSONNode) {
    self.key = key
    self.keyOffset = keyOffset
    self.node = node
  }
}

extension JSONNode {
  /// The value of that member of an object; nil for a missing one and for what is no object.
  ///
  /// Keys are equal when their bytes are: Unicode's equivalences play no part.
  public subscript(key: String) -> JSONNode? {
    guard case .object(let members) = value else { return nil }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.node
  }

  /// The element at that place of an array; nil beyond its ends and for what is no array.
  public subscript(index: Int) -> JSONNode? {
    guard case .array(let elements) = value, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  public var isNull: Bool {
    if case .null = value { true } else { false }
  }

  public var bool: Bool? {
    if case .bool(let bool) = value { bool } else { nil }
  }

  public var integer: Int64? {
    if case .integer(let integer) = value { integer } else { nil }
  }

  /// A real, or an integer as the nearest real.
  public var number: Double? {
    switch value {
    case .integer(let integer): Double(integer)
    case .real(let real): real
    default: nil
    }
  }

  public var string: String? {
    if case .string(let string) = value { string } else { nil }
  }

  public var array: [JSONNode]? {
    if case .array(let elements) = value { elements } else { nil }
  }

  public var object: [JSONMember]? {
    if case .object(let members) = value { members } else { nil }
  }

  /// JSON Pointer (RFC 6901) from this node to the value that begins, or whose key begins, at that
  /// byte of the source; where nothing begins exactly there, to the innermost value around it.
  public func pointer(toByte offset: Int) -> String {
    var pointer = JSONPointer()
    var node = self
    while offset != node.range.lowerBound {
      switch node.value {
      case .array(let elements):
        guard let index = elements.firstIndex(where: { $0.range.contains(offset) }) else {
          return pointer.text
        }
        pointer.append(index)
        node = elements[index]
      case .object(let members):
        guard
          let member = members.first(where: {
            $0.keyOffset <= offset && offset < $0.node.range.upperBound
          })
        else { return pointer.text }
        pointer.append(member.key)
        if offset < member.node.range.lowerBound { return pointer.text }
        node = member.node
      case .null, .bool, .integer, .real, .string:
        return pointer.text
      }
    }
    return pointer.text
  }
}
