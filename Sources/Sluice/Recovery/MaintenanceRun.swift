import JSON
import SQLite

/// One piece of work on a whole database, from its start to its end.
struct MaintenanceRun {
  /// Problems that a check reports at most; SQLite's own default.
  private static let problemsMax = 100

  /// Pages that an incremental vacuum frees at a time, some 10 ms; those of earlier times stay freed
  /// where it gives way.
  private static let pagesPerStep = 500

  private let work: ControlRequest.Maintenance
  private let freeShare: Double
  private let started = Timestamp.now()
  private let clock = MonotonicTime.now()

  /// - Parameter freeShare: of a vacuum: the share of free pages below which it is not needed.
  init(_ work: ControlRequest.Maintenance, freeShare: Double = 0) {
    self.work = work
    self.freeShare = freeShare
  }

  /// Runs it on the writer's thread, outside a transaction.
  /// - Returns: nil where it was stopped with the engine.
  func run(on session: WriterSession) -> MaintenanceEnd? {
    do throws(SQLiteError) {
      var details: [UInt8]?
      if freeShare > 0, try freePages(session.connection).share < freeShare {
        var end = end(.done)
        end.wasIdle = true
        return end
      }
      switch work {
      case .checkpoint:
        let (log, copied) = try session.checkpointPatiently()
        details = Self.object(["log": log, "copied": copied])
      case .optimize: try session.command("PRAGMA main.optimize")
      case .analyze: try session.command("ANALYZE main")
      case .vacuum:
        // The whole database goes through the WAL, which stays as large as that.
        defer { _ = session.checkpoint(.truncate) }
        try session.command("VACUUM main")
      case .incrementalVacuum:
        var left = try freePages(session.connection).count
        while left > 0 {
          try session.command("PRAGMA main.incremental_vacuum(\(Self.pagesPerStep))")
          let now = try freePages(session.connection).count
          // Nothing is freed where auto_vacuum is not incremental.
          if now == left { break }
          left = now
          if session.connection.interrupt.isDue { throw SQLiteError.interrupted }
        }
        details = Self.object(["free_pages": left])
      case .integrityCheck: preconditionFailure("a check has a connection of its own")
      }
      return end(.done, details: details)
    } catch {
      return end(of: error, session.connection.interrupt.reason)
    }
  }

  private func freePages(
    _ connection: borrowing Connection
  ) throws(SQLiteError) -> (count: Int, share: Double) {
    func number(_ pragma: String) throws(SQLiteError) -> Int {
      let statement = try connection.prepareOwn("PRAGMA main.\(pragma)")
      return try statement.step() ? Int(statement.integer(0)) : 0
    }
    let count = try number("freelist_count")
    return (count, Double(count) / Double(max(1, try number("page_count"))))
  }

  /// Checks the database on a connection of its own.
  func runCheck(ofDatabase path: String, _ interrupts: LongCommands.Interrupts) -> MaintenanceEnd? {
    do throws(SQLiteError) {
      let connection = try Connection(path: path, role: .reader)
      interrupts(connection.interrupt)
      defer { interrupts(nil) }
      do throws(SQLiteError) {
        let rows = try connection.command(
          "PRAGMA main.integrity_check(\(Self.problemsMax))", most: Self.problemsMax)
        return verdict(rows)
      } catch {
        return end(of: error, connection.interrupt.reason)
      }
    } catch {
      return end(of: error, nil)
    }
  }

  private func verdict(_ rows: [String]) -> MaintenanceEnd? {
    if rows == ["ok"] { return end(.done, rows: rows) }
    let error = JobError(
      .storage, "SQLITE_CORRUPT", rows.first ?? "the check says nothing", number: 11,
      hint: "the database file is damaged: restore a backup, or try sqlite3's .recover")
    return end(.failed, error, rows: rows)
  }

  private func end(of error: SQLiteError, _ reason: Interrupt.Reason?) -> MaintenanceEnd? {
    if ResultClass(error.code) == .interrupt, let reason {
      switch reason {
      case .cancelled: return end(.cancelled, .cancelled)
      case .expired: return end(.expired, .expired)
      case .preempted:
        var end = end(.cancelled)
        end.gaveWay = true
        return end
      case .timeout, .groupWindow, .stopping: return nil
      }
    }
    var failure = JobError(error)
    if work == .checkpoint, ResultClass(error.code) == .locked {
      failure.message = "a reader still needs pages of the WAL"
      failure.hint = "end the long read, or try again later"
    }
    return end(.failed, failure)
  }

  private func end(
    _ status: JobStatus, _ error: JobError? = nil, details: [UInt8]? = nil, rows: [String]? = nil
  ) -> MaintenanceEnd {
    MaintenanceEnd(
      work: work, status: status, error: error, started: started,
      seconds: MonotonicTime.now().seconds(since: clock), details: details,
      statements: rows.map(Self.table))
  }

  static func object(_ fields: KeyValuePairs<String, Int>) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for (name, value) in fields { writer.field(name, value) }
    writer.endObject()
    return writer.bytes
  }

  /// The rows as those of a job's one statement.
  private static func table(_ rows: [String]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    writer.beginObject()
    writer.key("columns")
    writer.beginArray()
    writer.string(ControlRequest.Maintenance.integrityCheck.rawValue)
    writer.endArray()
    writer.key("rows")
    writer.beginArray()
    for row in rows {
      writer.beginArray()
      writer.string(row)
      writer.endArray()
    }
    writer.endArray()
    writer.endObject()
    writer.endArray()
    return writer.bytes
  }
}
