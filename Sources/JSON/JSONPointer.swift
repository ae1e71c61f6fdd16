/// Text of a JSON Pointer (RFC 6901), made step by step from the root; empty for the root itself.
public struct JSONPointer: Sendable {
  public private(set) var text = ""

  public init() {}

  public mutating func append(_ index: Int) {
    text += "/\(index)"
  }

  public mutating func append(_ key: String) {
    text += "/"
    for scalar in key.unicodeScalars {
      switch scalar {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(scalar)
      }
    }
  }
}
