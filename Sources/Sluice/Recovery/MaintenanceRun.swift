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
  private let need: Double

  /// Rows of each index that `optimize` looks at: some milliseconds however large the table.
  private static let sampleRows = 1000
  private let started = Timestamp.now()
  private let clock = MonotonicTime.now()

  /// - Parameter need: see ``Engine/maintain(_:need:preemptions:then:)``.
  init(_ work: ControlRequest.Maintenance, need: Double = 0) {
    self.work = work
    self.need = need
  }

  /// Runs it on the writer's thread, outside a transaction.
  /// - Returns: nil where it was stopped with the engine.
  func run(on session: WriterSession) -> MaintenanceEnd? {
    do throws(SQLiteError) {
      var details: [UInt8]?
      guard try isNeeded(session) else {
        var end = end(.done)
        end.wasIdle = true
        return end
      }
      switch work {
      case .checkpoint:
        let (log, copied) = try session.checkpointPatiently()
        details = Self.object(["log": log, "copied": copied])
      case .optimize:
        // PRAGMA optimize looks only at tables that its own connection has searched, which the
        // writer's hardly does.
        defer { try? session.command("PRAGMA analysis_limit=0") }
        try session.command("PRAGMA analysis_limit=\(Self.sampleRows)")
        try analyze(session)
      case .analyze: try analyze(session)
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

  private func analyze(_ session: WriterSession) throws(SQLiteError) {
    try session.command("ANALYZE main")
    session.status.update { $0.rowsWritten = 0 }
  }

  private func isNeeded(_ session: WriterSession) throws(SQLiteError) -> Bool {
    switch work {
    case .vacuum, .incrementalVacuum:
      if need == 0 { return true }
      return try freePages(session.connection).share >= need
    case .optimize, .analyze:
      guard need > 0, let written = session.status.snapshot.rowsWritten else { return true }
      return written > 0 && Double(written) >= need * Double(analysedRows(session.connection))
    case .checkpoint, .integrityCheck: return true
    }
  }

  /// Rows of all tables when the statistics were made; 0 where there are none.
  private func analysedRows(_ connection: borrowing Connection) -> Int64 {
    // The table is there from the first ANALYZE on.
    let statement = try? connection.prepareOwn(
      """
      SELECT sum(n) FROM (SELECT max(CAST(stat AS INTEGER)) AS n FROM main.sqlite_stat1 GROUP BY tbl)
      """)
    guard let statement, (try? statement.step()) == true else { return 0 }
    return statement.integer(0)
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
