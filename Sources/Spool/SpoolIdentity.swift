import Glibc

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
      if try layout.root.status(SpoolLayout.identityName) == nil {
        try SpoolIdentity(value: Int64.random(in: 1...Int64.max)).save(layout)
      }
      // Read back even when just made: another process may have been first.
      let content = try layout.root.contents(SpoolLayout.identityName) ?? []
      let text = String(decoding: content.prefix(16), as: UTF8.self)
      if content.count == 17, let identity = SpoolIdentity(hex: text) { return identity }
    } catch { throw SpoolError(error) }
    throw SpoolError(
      .damaged, "\(layout.root.pathOf(SpoolLayout.identityName)) is damaged",
      hint: "write back the 16 hexadecimal digits of the id that the ledger has for this spool, or "
        + "remove the file if there are no jobs in active/ and no rows of this spool")
  }

  /// Writes the id, whole and durable, unless there is one.
  private func save(_ layout: SpoolLayout) throws(FileError) {
    let scratch = "\(SpoolLayout.identityName).\(getpid()).tmp"
    let file = try layout.root.create(scratch)
    try file.write(Array((hex + "\n").utf8))
    try file.sync()
    let renamed = layout.root.tryRenameNew(scratch, to: layout.root, SpoolLayout.identityName)
    if renamed.errno == EEXIST {
      try layout.root.unlink(scratch)
    } else {
      try renamed.get(.rename, layout.root.pathOf(scratch))
    }
    try layout.root.sync()
  }
}
