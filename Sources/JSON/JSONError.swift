/// Why a text is not the JSON that is wanted, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Not JSON by RFC 8259, or not UTF-8.
    case syntax
    /// Nested deeper than allowed.
    case depth
    /// An object has a key twice.
    case repeatedKey
    /// An integer that 64 bits do not hold.
    case integerOverflow
  }

  public var kind: Kind
  /// What was expected and what was found; without the place.
  public var message: String
  /// Byte in the text, from 0.
  public var offset: Int
  /// From 1; lines end with a line feed.
  public var line: Int
  /// From 1, counted in characters (Unicode scalars).
  public var column: Int
  /// JSON Pointer (RFC 6901) to the place; nil for a syntax error.
  public var pointer: String?

  public var description: String { "line \(line), column \(column): \(message)" }

  init(
    kind: Kind, message: String, offset: Int, pointer: String?, in bytes: UnsafeBufferPointer<UInt8>
  ) {
    self.kind = kind
    self.message = message
    self.offset = offset
    self.pointer = pointer
    line = 1
    column = 1
    for byte in bytes.prefix(offset) {
      if byte == Byte.lineFeed {
        line += 1
        column = 1
      } else if !UTF8Sequence.isContinuation(byte) {
        column += 1
      }
    }
  }
}
