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
  /// Its last borrower met an error that may be its own.
  var isSuspect = false

  let recorder: StatementRecorder?

  init(
    path: String, monitor: QueryMonitor? = nil, valueBytes: Int = Bounds.valueBytesCeiling
  ) throws(SQLiteError) {
    recorder = monitor?.recorder()
    connection = try Connection(path: path, role: .reader, valueBytes: valueBytes)
    connection.onBusy { count in
      // A reader only ever waits for a recovery or a schema change, both short.
      Pause.milliseconds(min(10, count + 1))
      return count < 1000
    }
  }

  /// Runs one statement that reads, with values for `?` and `?NNN`, and gives its rows; on the
  /// thread that borrowed it.
  /// - Throws: what SQLite says; `SQLITE_AUTH` where the SQL would do more than read.
  public func rows(_ sql: String, _ values: [Value] = []) throws(JobError) -> [[Value]] {
    connection.interrupt.arm()
    do throws(SQLiteError) {
      guard let (statement, _) = try connection.prepare(sql, subject: .reader) else { return [] }
      defer {
        statement.reset()
        statement.clearBindings()
      }
      for (index, value) in values.enumerated() { try statement.bind(value, at: index + 1) }
      var rows: [[Value]] = []
      while try statement.step() {
        rows.append((0..<statement.columnCount).map { statement.value($0) })
      }
      return rows
    } catch {
      throw JobError(error)
    }
  }

  /// Whether SQLite still answers on it.
  func isHealthy() -> Bool {
    connection.interrupt.arm()
    return connection.isAutocommit
      && (try? connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")) != nil
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
