import CSQLite

/// What one statement may ask of SQLite, set on every connection.
///
/// They bound memory, and what SQLite does between two looks at the clock; its own bounds on columns, terms of a compound SELECT (500), expression depth (1000), arguments and
/// tables of a join (64) are kept as they are.
public enum Bounds {
  /// SQLite's own end of a text, blob or row.
  public static let valueBytesCeiling = 1_000_000_000
  /// LIKE and GLOB compare up to text times pattern characters in one step, which no interrupt ends.
  static let patternBytes: Int32 = 1000

  static func set(on handle: OpaquePointer, valueBytes: Int) {
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Int32(clamping: valueBytes))
    sqlite3_limit(handle, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, patternBytes)
    // VACUUM attaches the copy that it makes.
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1)
    sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0)
  }
}
