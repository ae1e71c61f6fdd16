import SQLite

/// Lends the results that the ledger has recorded, read beside the writer, which may wait or have
/// ended. One thread.
public final class RecordedResults {
  private let connection: Connection
  private let query: Statement

  init(path: String) throws(SQLiteError) {
    connection = try Connection(path: path, role: .reader)
    query = try connection.prepareOwn("SELECT result FROM main._sluice_ledger WHERE key=?")
  }

  /// The result recorded under `key`; nil where there is no such row.
  public func result(ofKey key: Int64) throws(JobError) -> [UInt8]? {
    do throws(SQLiteError) {
      defer { query.reset() }
      connection.authorizer.subject = .engine
      try query.bind(.integer(key), at: 1)
      return try query.step() ? query.bytes(0) : nil
    } catch {
      throw JobError(error)
    }
  }

  /// Whether an older row than `key`'s, of a job of the same name and spool, ended at that instant.
  ///
  /// Looks at every row below `key`.
  public func hasOlderRow(thanKey key: Int64, finished: String) throws(JobError) -> Bool {
    do throws(SQLiteError) {
      connection.authorizer.subject = .engine
      let query = try connection.prepareOwn(
        """
        SELECT older.finished FROM main._sluice_ledger AS newer, main._sluice_ledger AS older
        WHERE newer.key=?1 AND older.key<?1 AND older.spool=newer.spool AND older.name=newer.name
        """)
      try query.bind(.integer(key), at: 1)
      while try query.step() {
        if Timestamp(nanoseconds: query.integer(0)).rfc3339 == finished { return true }
      }
      return false
    } catch {
      throw JobError(error)
    }
  }
}
