import CSQLite

/// One connection to one database file; used by one thread at a time, closed when it goes.
///
/// Every connection leaves checkpoints to the writer: an automatic one, or one at close, beside
/// another could meet the WAL-reset bug of SQLite 3.7.0 to 3.51.2 and lose committed rows.
public struct Connection: ~Copyable {
  public enum Role: Sendable {
    /// Creates the file and puts it into WAL mode.
    case writer
    /// Reads only (`query_only`).
    case reader
    /// For trying things out, in memory: nothing that lasts.
    case scratch
  }

  let handle: OpaquePointer
  private let hooks: ConnectionHooks

  /// Stops what runs here, from any thread.
  public var interrupt: Interrupt { hooks.interrupt }
  public var authorizer: Authorizer { hooks.authorizer }

  /// - Parameters:
  ///   - path: the database file.
  ///   - foreignKeys: whether foreign keys are enforced.
  ///   - statements: prepared statements kept.
  ///   - valueBytes: the longest text, blob or row that SQL may make; `SQLITE_TOOBIG` beyond it.
  /// - Throws: `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_BUSY` where another process keeps the
  ///   file from being put into WAL mode; nothing stays open then.
  public init(
    path: String, role: Role, foreignKeys: Bool = false, statements: Int = 256,
    valueBytes: Int = Bounds.valueBytesCeiling
  ) throws(SQLiteError) {
    SQLMemory.prepare()
    var opened: OpaquePointer?
    var flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    if role != .reader { flags |= SQLITE_OPEN_CREATE }
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let error = SQLiteError(of: opened, code: code)
      sqlite3_close_v2(opened)
      throw error
    }
    do throws(SQLiteError) {
      try Self.configure(opened, role: role, foreignKeys: foreignKeys)
      Bounds.set(on: opened, valueBytes: valueBytes)
      try LinearFunctions.install(on: opened)
    } catch {
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
    hooks = ConnectionHooks(statements: statements)
    hooks.install(on: opened)
  }

  deinit {
    hooks.cache.removeAll()
    sqlite3_close_v2(handle)
  }

  private static func configure(
    _ handle: OpaquePointer, role: Role, foreignKeys: Bool
  ) throws(SQLiteError) {
    for (option, on) in [
      (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1), (SQLITE_DBCONFIG_DEFENSIVE, 1),
      (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_ENABLE_FKEY, foreignKeys ? 1 : 0),
    ] {
      try check(sluice_db_config_flag(handle, option, Int32(on)), on: handle)
    }
    if role == .writer { try requireWriting(handle) }
    sqlite3_busy_timeout(handle, 5000)
    var pragmas = "PRAGMA wal_autocheckpoint=0;PRAGMA cell_size_check=ON;"
    switch role {
    case .writer: pragmas += "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
    case .reader: pragmas += "PRAGMA query_only=ON;"
    case .scratch: break
    }
    try check(sqlite3_exec(handle, pragmas, nil, nil, nil), on: handle)
    if role == .writer { try requireWAL(handle) }
  }

  /// Where a file cannot be opened for writing, SQLite opens it for reading and calls it success.
  private static func requireWriting(_ handle: OpaquePointer) throws(SQLiteError) {
    guard sqlite3_db_readonly(handle, "main") != 0 else { return }
    throw SQLiteError(
      code: SQLITE_CANTOPEN, message: "the database file cannot be opened for writing")
  }

  /// Where the file system cannot share memory, SQLite stays with another mode and calls it success.
  private static func requireWAL(_ handle: OpaquePointer) throws(SQLiteError) {
    var isWAL = false
    let code = withUnsafeMutablePointer(to: &isWAL) { found in
      sqlite3_exec(
        handle, "PRAGMA journal_mode",
        { found, _, values, _ in
          let mode = values?[0].map { String(cString: $0) }
          found?.assumingMemoryBound(to: Bool.self).pointee = mode == "wal"
          return 0
        }, found, nil)
    }
    try check(code, on: handle)
    guard isWAL else {
      throw SQLiteError(
        code: SQLITE_CANTOPEN,
        message: "the database cannot be put into WAL mode; it needs a local file system")
    }
  }

  /// Runs SQL of the engine's own that returns no rows.
  public func execute(_ sql: String) throws(SQLiteError) {
    authorizer.subject = .engine
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    // It is counted in the transaction's, and is nobody's to keep.
    defer { _ = authorizer.takeUse() }
    try check(code, on: handle)
  }

  /// Runs a command of an operator's, which `interrupt` may stop, and gives its rows' first columns
  /// as text, at most `most` of them.
  @discardableResult
  public func command(_ sql: String, most: Int = 0) throws(SQLiteError) -> [String] {
    let statement = try prepareOwn(sql)
    authorizer.subject = .command
    defer { authorizer.subject = .engine }
    var rows: [String] = []
    while try statement.step() {
      guard rows.count < most else { continue }
      if case .text(let text) = statement.value(0) { rows.append(text) }
    }
    return rows
  }

  /// A statement of the engine's own, kept by whoever asked; `authorizer.subject` must be
  /// `.engine` whenever it is stepped.
  public func prepareOwn(_ sql: String) throws(SQLiteError) -> Statement {
    authorizer.subject = .engine
    var sql = sql
    guard let (statement, _) = try sql.withUTF8({ compile($0) }).get() else {
      throw SQLiteError(code: SQLITE_MISUSE, message: "no statement in \(sql)")
    }
    return statement
  }

  /// The statement of a job, from the cache if it was compiled before.
  ///
  /// - Parameters:
  ///   - offset: where in the UTF-8 of `sql` it begins.
  ///   - subject: whose statement it is; it stays set for stepping it.
  /// - Returns: the statement and the offset of what stands behind it; nil where there is nothing
  ///   more but white space and comments.
  /// - Throws: what SQLite says; `authorizer.denial` is set where the authorizer refused it.
  public func prepare(
    _ sql: String, from offset: Int = 0, subject: Authorizer.Subject
  ) throws(SQLiteError) -> (statement: Statement, end: Int)? {
    authorizer.reset()
    authorizer.subject = subject
    if offset == 0, let statement = hooks.cache.find(sql) {
      return (statement, sql.utf8.count)
    }
    var isWhole = false
    var text = sql
    let compiled = text.withUTF8 { bytes -> Result<(Statement, Int)?, SQLiteError> in
      let rest = UnsafeBufferPointer(rebasing: bytes[offset...])
      authorizer.leadingKeyword = SQLKeyword(of: rest)
      defer { authorizer.leadingKeyword = nil }
      if authorizer.refuses(rest) {
        return .failure(SQLiteError(code: SQLITE_AUTH, message: "not authorized"))
      }
      let result = compile(rest)
      if offset == 0, case .success(let (_, length)?) = result {
        isWhole = SQLKeyword(of: UnsafeBufferPointer(rebasing: rest[length...])) == .none
      }
      return result
    }
    guard let (statement, length) = try compiled.get() else { return nil }
    // A PRAGMA with a value acts while it is compiled, and EXPLAIN tells what was so when it was
    // compiled, so these are compiled each time.
    if isWhole, !statement.traits.contains(.settingPragma), !statement.isExplain {
      hooks.cache.insert(statement, for: sql)
      return (statement, sql.utf8.count)
    }
    return (statement, offset + length)
  }

  /// A job's statement that is run once and not kept.
  /// - Returns: nil where there is nothing but white space and comments.
  public func prepareOnce(
    _ sql: UnsafeBufferPointer<UInt8>, subject: Authorizer.Subject
  ) throws(SQLiteError) -> Statement? {
    authorizer.reset()
    authorizer.subject = subject
    authorizer.leadingKeyword = SQLKeyword(of: sql)
    defer { authorizer.leadingKeyword = nil }
    if authorizer.refuses(sql) {
      throw SQLiteError(code: SQLITE_AUTH, message: "not authorized")
    }
    return try compile(sql).get()?.0
  }

  private func compile(
    _ sql: UnsafeBufferPointer<UInt8>
  ) -> Result<(Statement, Int)?, SQLiteError> {
    guard !sql.isEmpty else { return .success(nil) }
    var compiled: OpaquePointer?
    var length = 0
    func prepare() -> Int32 {
      sql.withMemoryRebound(to: CChar.self) { text in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(
          handle, text.baseAddress, Int32(text.count),
          UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, &tail)
        if let tail, let start = text.baseAddress { length = tail - start }
        return code
      }
    }
    var code = prepare()
    if code & 0xff == SQLITE_SCHEMA {
      // While it has not read the schema, SQLite 3.40 says this of any mistake in SQL that names no
      // table, however often it is asked.
      sqlite3_table_column_metadata(
        handle, "main", "sqlite_schema", nil, nil, nil, nil, nil, nil)
      code = prepare()
    }
    let use = authorizer.takeUse()
    guard code == SQLITE_OK else {
      let error = SQLiteError(of: handle, code: code)
      authorizer.compilingFailed(error.message)
      return .failure(error)
    }
    guard let compiled else {
      // SQLite reads no further than to a NUL; what stands behind it must not vanish silently.
      guard length == sql.count else {
        return .failure(
          SQLiteError(
            code: SQLITE_ERROR, message: "the SQL has a NUL character in it", offset: length))
      }
      return .success(nil)
    }
    let statement = Statement(
      handle: compiled, traits: authorizer.traits, use: use, authorizer: authorizer)
    return .success((statement, length))
  }

  /// Prepared statements kept, found and not found so far.
  public var statementCacheStatistics: (kept: Int, hits: UInt64, misses: UInt64) {
    (hooks.cache.count, hooks.cache.hits, hooks.cache.misses)
  }

  /// True outside a transaction. Also after an error that rolled one back by itself
  /// (`RAISE(ROLLBACK)`, `SQLITE_FULL`, …), when nothing more may be done as if inside it.
  public var isAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

  /// Rows changed by the last INSERT, UPDATE or DELETE, triggers not counted.
  public var changes: Int64 { sqlite3_changes64(handle) }

  /// Rows changed since the connection was opened.
  public var totalChanges: Int64 { sqlite3_total_changes64(handle) }

  public var lastInsertRowid: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Makes `last_insert_rowid()` forget what earlier jobs inserted, and `total_changes()` count
  /// from here.
  public func resetCounters() {
    sqlite3_set_last_insert_rowid(handle, 0)
    hooks.totalChangesBase = sqlite3_total_changes64(handle)
  }

  /// True while a deferred foreign key is violated, which only COMMIT would tell.
  public var hasForeignKeyViolation: Bool {
    var current: Int32 = 0
    var highest: Int32 = 0
    sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
    return current != 0
  }

  /// Pages that the WAL held after the last commit or checkpoint of this connection.
  public var walPages: Int { Int(hooks.walPages) }

  public enum CheckpointMode: Sendable {
    /// Waits for writers and readers, then copies everything.
    case full
    /// Likewise, and makes the WAL file empty.
    case truncate
  }

  /// Copies the WAL into the database; outside a transaction, by the writer only.
  /// - Returns: frames in the WAL and frames copied.
  /// - Throws: `SQLITE_BUSY` where a reader still needs the WAL; what could be copied was.
  @discardableResult
  public func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> (log: Int, copied: Int) {
    var log: Int32 = 0
    var copied: Int32 = 0
    let code = sqlite3_wal_checkpoint_v2(
      handle, "main", mode == .full ? SQLITE_CHECKPOINT_FULL : SQLITE_CHECKPOINT_TRUNCATE,
      &log, &copied)
    if code == SQLITE_OK { hooks.walPages = log }
    try check(code, on: handle)
    return (Int(log), Int(copied))
  }

  /// Asks `wait` (with the count of earlier calls for the same lock) whether to try again while
  /// another connection holds a lock; it sleeps as long as it sees fit.
  public func onBusy(_ wait: ((Int) -> Bool)?) { hooks.setBusyHandler(wait, on: handle) }

  /// Calls `call`, once and on this thread, when statements of jobs run on for more than `seconds`
  /// from now.
  public func onLongRun(after seconds: Double, _ call: @escaping () -> Void) {
    hooks.longRunDue = Interrupt.clock() + Int64(seconds * 1e9)
    hooks.longRun = call
  }
}
