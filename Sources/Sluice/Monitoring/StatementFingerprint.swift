/// What statements have in common that differ only in their values: the text with each literal and
/// parameter as `?`, white space, comments and case made equal, and lists of values shortened.
///
/// `SELECT * FROM t WHERE id IN (1, 2)` and `select * from T where ID in (7,8,9)` are both
/// `select * from t where id in(?, ...)`.
public struct StatementFingerprint: Sendable, Hashable {
  /// Tells it from others; equal text, equal hash, also in another process.
  public let hash: UInt64
  /// At most `textMax` bytes of it.
  public let text: String

  /// Bytes of a statement that count: longer ones that begin alike are alike.
  static let sourceMax = 8192
  static let textMax = 1000

  /// - Parameter sql: one statement.
  public init(of sql: String) {
    var sql = sql
    self = sql.withUTF8 { StatementFingerprint(of: $0) }
  }

  /// The same for a part of a text that holds several statements.
  init(of source: UnsafeBufferPointer<UInt8>) {
    self = Self.withHash(of: source) { hash, text in
      StatementFingerprint(hash: hash, text: text)
    }
  }

  /// Lends hash and text, where the text may not be needed.
  static func withHash<Result>(
    of source: UnsafeBufferPointer<UInt8>, _ body: (UInt64, UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    let start = UnsafeBufferPointer(rebasing: source.prefix(sourceMax))
    return StatementNormalizer.withText(of: start) { body(hash(of: $0), $0) }
  }

  /// Eight bytes at a time; the same on every machine and in every version.
  private static func hash(of text: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = 0x9e37_79b9_7f4a_7c15 ^ UInt64(text.count)
    func mix(_ word: UInt64) {
      hash = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash >> 32
    }
    let bytes = UnsafeRawBufferPointer(text)
    let whole = bytes.count & ~7
    for index in stride(from: 0, to: whole, by: 8) {
      mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
    }
    var rest: UInt64 = 0
    for index in whole..<bytes.count { rest = rest << 8 | UInt64(bytes[index]) }
    mix(rest)
    return (hash ^ hash >> 29) &* 0xc4ce_b9fe_1a85_ec53
  }

  init(hash: UInt64, text: UnsafeBufferPointer<UInt8>) {
    var shown = text.prefix(Self.textMax)
    if shown.count < text.count {
      // Not in the middle of a character.
      while let last = shown.last, last & 0xc0 == 0x80 { shown.removeLast() }
      if let last = shown.last, last >= 0xc0 { shown.removeLast() }
    }
    self.init(hash: hash, text: String(decoding: shown, as: UTF8.self))
  }

  /// Stands for all statements that have no place of their own in a bounded table.
  static let others = StatementFingerprint(hash: 0, text: "(others)")

  /// Stands for the quick statements of scripts: a dump may have millions, and to tell each by its
  /// text would cost a tenth of its time.
  static let scripted = StatementFingerprint(hash: 1, text: "(quick statements of scripts)")

  private init(hash: UInt64, text: String) {
    self.hash = hash
    self.text = text
  }

  /// Sixteen hexadecimal digits, as the monitor files name it.
  public var id: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
