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
}
