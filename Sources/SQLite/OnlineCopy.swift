import CSQLite

/// A copy of a database being made page by page, of one state of it, while others write to it.
///
/// Used on the thread of `source`, which must live as long. The state is that of a read transaction
/// which the copy holds on `source`: without one, SQLite would begin anew whenever another
/// connection commits, and beside a busy writer never end.
public struct OnlineCopy: ~Copyable {
  private let source: OpaquePointer
  private let target: OpaquePointer
  private let backup: OpaquePointer

  /// - Parameters:
  ///   - source: outside a transaction.
  ///   - path: the file to be made; one that is there is overwritten, a symlink is refused.
  public init(of source: borrowing Connection, to path: String) throws(SQLiteError) {
    try source.execute("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
    let handle = source.handle
    do throws(SQLiteError) {
      (target, backup) = try Self.begin(of: handle, to: path)
    } catch {
      sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
      throw error
    }
    self.source = handle
  }

  private static func begin(
    of source: OpaquePointer, to path: String
  ) throws(SQLiteError) -> (target: OpaquePointer, backup: OpaquePointer) {
    var opened: OpaquePointer?
    let flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX
      | SQLITE_OPEN_EXRESCODE
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let error = SQLiteError(of: opened, code: code)
      sqlite3_close_v2(opened)
      throw error
    }
    // Nobody reads the copy before it is whole and synced by its owner.
    sqlite3_exec(opened, "PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF", nil, nil, nil)
    guard let backup = sqlite3_backup_init(opened, "main", source, "main") else {
      let error = SQLiteError(of: opened, code: sqlite3_errcode(opened))
      sqlite3_close_v2(opened)
      throw error
    }
    return (opened, backup)
  }

  deinit {
    sqlite3_backup_finish(backup)
    sqlite3_close_v2(target)
    sqlite3_exec(source, "ROLLBACK", nil, nil, nil)
  }

  /// Copies at most `pages` more.
  /// - Returns: whether there are more.
  public func step(pages: Int) throws(SQLiteError) -> Bool {
    switch sqlite3_backup_step(backup, Int32(pages)) {
    case SQLITE_DONE: return false
    case SQLITE_OK: return true
    case let code: throw SQLiteError(of: nil, code: code)
    }
  }

  /// Pages of the database, known after the first step.
  public var pages: Int { Int(sqlite3_backup_pagecount(backup)) }

  /// Leaves the finished copy as one file, with nothing beside it to go with it.
  public consuming func finish() throws(SQLiteError) {
    let (source, target) = (source, target)
    let finished = sqlite3_backup_finish(backup)
    discard self
    defer {
      sqlite3_close_v2(target)
      sqlite3_exec(source, "ROLLBACK", nil, nil, nil)
    }
    try check(finished, on: target)
    // A copy of a database in WAL mode is in it, too, and would want two more files when opened.
    try check(sqlite3_exec(target, "PRAGMA journal_mode=DELETE", nil, nil, nil), on: target)
  }
}
