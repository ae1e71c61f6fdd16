import SQLite

/// One connection of the pool with its history.
///
/// `@unchecked Sendable`: it belongs to the thread that borrowed it from acquire to release, and to
/// the pool, under its lock, otherwise; the pool hands each to one borrower at a time.
public final class PooledConnection: @unchecked Sendable {
  public let connection: Connection
  let opened = MonotonicTime.now()
  var lastUse = MonotonicTime.now()
  var uses = 0

  let recorder: StatementRecorder?

  init(path: String, monitor: QueryMonitor? = nil) throws(SQLiteError) {
    recorder = monitor?.recorder()
    connection = try Connection(path: path, role: .reader)
    connection.onBusy { count in
      // A reader only ever waits for a recovery or a schema change, both short.
      Pause.milliseconds(min(10, count + 1))
      return count < 1000
    }
  }

  /// Whether SQLite still answers on it.
  func isHealthy() -> Bool {
    (try? connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")) != nil
  }
}

/// The borrower's judgement of a connection it gives back.
public enum ConnectionVerdict: Sendable {
  case reuse
  /// It met an error that may be its own: check it before the next use.
  case suspect
  /// It is broken: replace it.
  case discard
}
