/// The spool's random id, by which its ledger rows are known: two spools may share a database.
///
/// In a file of its own, written once: the lock file is rewritten in place at every start, and a
/// power failure in that moment must not take with it what tells own rows from foreign ones.
public struct SpoolIdentity: Sendable, Hashable {
  /// 63 bits, never 0: a positive INTEGER in SQLite.
  public let value: Int64

  /// Sixteen lower-case hexadecimal digits.
  public var hex: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  private init(value: Int64) { self.value = value }

  init?(hex: String) {
    guard hex.utf8.count == 16, let value = Int64(hex, radix: 16), value > 0 else { return nil }
    self.value = value
  }

  /// The id of this spool, made (durably) if it has none.
  ///
  /// - Throws: `.damaged` where the file is not what was written; a new id would orphan the ledger's
  ///   rows and let their jobs run twice.
  public static func ofSpool(_ layout: SpoolLayout) throws(SpoolError) -> SpoolIdentity {
    do throws(FileError) {
      let name = SpoolLayout.identityName
      guard let content = try layout.root.contents(name) else {
        let identity = SpoolIdentity(value: Int64.random(in: 1...Int64.max))
        try layout.root.replaceDurably(name, with: Array((identity.hex + "\n").utf8))
        return identity
      }
      let text = String(decoding: content.prefix(16), as: UTF8.self)
      if content.count == 17, let identity = SpoolIdentity(hex: text) { return identity }
    } catch { throw SpoolError(error) }
    throw SpoolError(
      .damaged, "\(layout.root.pathOf(SpoolLayout.identityName)) is damaged",
      hint: "write back the 16 hexadecimal digits that _sluice_ledger.spool has, or remove the file "
        + "if the spool has no jobs in active/")
  }
}
