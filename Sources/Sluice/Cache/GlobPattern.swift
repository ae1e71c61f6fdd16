/// A pattern as SQL's GLOB has it, but with case ignored within ASCII: `*` is any text, `?` any one
/// character, `[a-c]` one of these and `[^a-c]` one of the others.
///
/// As in SQL, a bracket that is not closed matches nothing. Takes at most pattern times text steps.
struct GlobPattern: Sendable, Equatable {
  private enum Element: Sendable, Equatable {
    case character(UInt32)
    case any
    case set([ClosedRange<UInt32>], isInverted: Bool)
    case rest
    case never
  }

  private let elements: [Element]

  init(_ text: String) {
    var elements: [Element] = []
    var rest = text.unicodeScalars[...]
    while let next = rest.popFirst() {
      switch next {
      case "*": if elements.last != .rest { elements.append(.rest) }
      case "?": elements.append(.any)
      case "[": elements.append(Self.set(&rest))
      default: elements.append(.character(Self.folded(next)))
      }
    }
    self.elements = elements
  }

  private static func folded(_ scalar: Unicode.Scalar) -> UInt32 {
    let value = scalar.value
    return value >= 0x41 && value <= 0x5a ? value | 0x20 : value
  }

  /// Reads what stands behind `[`; a `]` that comes first is one of the characters, and so is the
  /// first one of a range that has none in it.
  private static func set(_ rest: inout Substring.UnicodeScalarView) -> Element {
    var ranges: [ClosedRange<UInt32>] = []
    var isInverted = false
    if rest.first == "^" {
      isInverted = true
      rest.removeFirst()
    }
    if rest.first == "]" {
      ranges.append(0x5d...0x5d)
      rest.removeFirst()
    }
    var low: UInt32?
    while let next = rest.popFirst() {
      if next == "]" { return .set(ranges, isInverted: isInverted) }
      if next == "-", let start = low, let high = rest.first, high != "]" {
        rest.removeFirst()
        let end = folded(high)
        if start <= end { ranges.append(start...end) }
        low = nil
      } else {
        let value = folded(next)
        ranges.append(value...value)
        low = value
      }
    }
    return .never
  }

  func matches(_ text: String) -> Bool {
    let scalars = text.unicodeScalars
    var place = scalars.startIndex
    var element = 0
    // Where to go on if what follows the last `*` does not match: one character further.
    var retry: (element: Int, place: String.UnicodeScalarView.Index)?
    while place < scalars.endIndex {
      if element < elements.count, elements[element] == .rest {
        element += 1
        retry = (element, place)
      } else if element < elements.count, Self.matches(elements[element], scalars[place]) {
        element += 1
        place = scalars.index(after: place)
      } else if let last = retry {
        element = last.element
        place = scalars.index(after: last.place)
        retry = (element, place)
      } else {
        return false
      }
    }
    return elements[element...].allSatisfy { $0 == .rest }
  }

  private static func matches(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
    let value = folded(scalar)
    switch element {
    case .character(let expected): return value == expected
    case .any: return true
    case .set(let ranges, let isInverted):
      return ranges.contains { $0.contains(value) } != isInverted
    case .rest, .never: return false
    }
  }
}
