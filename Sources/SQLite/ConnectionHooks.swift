import CSQLite

/// What SQLite calls back into for one connection; lives as long as the connection.
///
/// A class, since SQLite keeps a pointer to it. Callbacks come on the connection's thread.
final class ConnectionHooks {
  let interrupt = Interrupt()
  let authorizer = Authorizer()
  var cache: StatementCache
  var walPages: Int32 = 0
  /// `sqlite3_total_changes64` when the running job began.
  var totalChangesBase: Int64 = 0
  private var wait: ((Int) -> Bool)?
  /// Monotonic nanoseconds from which on `longRun` is due; `Int64.max` for never again.
  var longRunDue = Int64.max
  var longRun: () -> Void = {}

  /// Steps of the virtual machine between two looks at the deadline; 1000 take some 20 µs.
  private static let progressSteps: Int32 = 1000

  init(statements: Int) {
    cache = StatementCache(capacity: statements)
  }

  private var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> ConnectionHooks {
    guard let pointer else { preconditionFailure("SQLite lost the pointer it was given") }
    return Unmanaged<ConnectionHooks>.fromOpaque(pointer).takeUnretainedValue()
  }

  func install(on handle: OpaquePointer) {
    sqlite3_set_authorizer(
      handle,
      { context, action, first, second, database, _ in
        ConnectionHooks.of(context).authorizer.authorize(action, first, second, database: database)
      }, pointer)
    sqlite3_progress_handler(
      handle, Self.progressSteps,
      { context in
        let hooks = ConnectionHooks.of(context)
        // SQLite counts the steps of a kept statement over all its runs, so that any statement may
        // be the one that is asked: one of the engine's own must not pay for the job's time.
        if hooks.authorizer.subject == .engine { return 0 }
        hooks.noteLongRun()
        return hooks.interrupt.isDue ? 1 : 0
      }, pointer)
    sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        ConnectionHooks.of(context).walPages = pages
        return SQLITE_OK
      }, pointer)
    // The count of a connection that is shared by many jobs would tell one of the others' rows.
    sqlite3_create_function_v2(
      handle, "total_changes", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, pointer,
      { context, _, _ in
        let hooks = ConnectionHooks.of(sqlite3_user_data(context))
        let total = sqlite3_total_changes64(sqlite3_context_db_handle(context))
        sqlite3_result_int64(context, total - hooks.totalChangesBase)
      }, nil, nil, nil)
  }

  private func noteLongRun() {
    if longRunDue == .max || Interrupt.clock() < longRunDue { return }
    longRunDue = .max
    longRun()
  }

  func setBusyHandler(_ wait: ((Int) -> Bool)?, on handle: OpaquePointer) {
    self.wait = wait
    guard wait != nil else {
      sqlite3_busy_handler(handle, nil, nil)
      return
    }
    sqlite3_busy_handler(
      handle,
      { context, count in ConnectionHooks.of(context).wait?(Int(count)) == true ? 1 : 0 }, pointer)
  }
}
