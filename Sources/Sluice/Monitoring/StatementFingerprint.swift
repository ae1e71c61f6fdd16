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
    var normalizer = StatementNormalizer(
      UnsafeBufferPointer(rebasing: source.prefix(Self.sourceMax)))
    normalizer.run()
    hash = normalizer.output.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    var shown = normalizer.output[...]
    if shown.count > Self.textMax {
      shown = shown.prefix(Self.textMax)
      // Not in the middle of a character.
      while let last = shown.last, last & 0xc0 == 0x80 { shown.removeLast() }
      if let last = shown.last, last >= 0xc0 { shown.removeLast() }
    }
    text = String(decoding: shown, as: UTF8.self)
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
