import JSON
import SQLite

/// What a job's statements did, rendered as the `statements` array of its result.
struct ExecutedStatements {
  var json: [UInt8]
  /// Some statement changed the schema.
  var changedSchema = false
  /// The first statement that changed it and mentions one of Sluice's own tables.
  var reservedMention: Int?
  /// Some statement set a PRAGMA, which would outlive the job.
  var setPragma = false
  /// Rows changed by all statements together; nil where none is one that changes rows.
  var changes: Int64?
  /// Some statement is one that returns rows.
  var returnsRows = false
  /// Of all statements of a read, as they were when they had run.
  var traits: StatementTraits = []
  var use = TableUse()
}

/// Runs the statements of one job on one connection, inside a transaction that its caller began
/// and will end.
struct JobExecution {
  struct Settings {
    /// Seconds allowed to one statement unless the job says otherwise.
    var queryTimeout: Double
    /// Bytes that a write's returned rows may take in its result.
    var returningLimit: Int
    var subject: Authorizer.Subject
    /// Traits that may not run here, since the connection is shared.
    var unshareable: StatementTraits
    /// It is a line of a batch, whose connection was opened for others too: no PRAGMA in front of
    /// it can hold for it alone.
    var isLine = false
    var monitor: MonitorSink?
  }

  private let job: Job
  private let settings: Settings
  private let timeout: Double
  /// Where a read's rows go that are many; nil for a write.
  private let output: ReadOutput?
  private var captured: CapturedValues
  private var writer: JSONWriter
  private var statementIndex = 0
  private var traits: StatementTraits = []
  private var hasChangedRows = false
  private var changes: Int64 = 0
  private var returnsRows = false
  private var readTraits: StatementTraits = []
  private var readUse = TableUse()
  private var reservedMention: Int?

  init(_ job: Job, settings: Settings, output: ReadOutput? = nil, reusing buffer: [UInt8] = []) {
    self.job = job
    self.output = output
    self.settings = settings
    timeout = job.timeout ?? settings.queryTimeout
    captured = CapturedValues(neededBy: job.statements)
    writer = JSONWriter(reusing: buffer)
  }

  /// - Throws: why it ended early; what it did so far is still there to be rolled back, or gone
  ///   with the transaction where `connection.isAutocommit` says so.
  mutating func run(on connection: borrowing Connection) throws(JobStop) -> ExecutedStatements {
    if job.result.format != .json, output == nil {
      throw .rejected(.misplacedFormat(job.result.format, "a write", statement: nil))
    }
    writer.beginArray()
    for statement in job.statements {
      do throws(JobStop) {
        try run(statement, on: connection)
      } catch {
        throw error.placed(inScript: statement)
      }
    }
    writer.endArray()
    return ExecutedStatements(
      json: writer.bytes, changedSchema: traits.contains(.schemaChange),
      reservedMention: reservedMention, setPragma: traits.contains(.settingPragma),
      changes: traits.contains(.writesRows) ? changes : nil, returnsRows: returnsRows,
      traits: readTraits, use: readUse)
  }

  private mutating func run(
    _ statement: JobStatement, on connection: borrowing Connection
  ) throws(JobStop) {
    var offset = 0
    var isFirst = true
    while let (prepared, end) = try prepare(statement.sql, from: offset, on: connection) {
      let range = offset..<end
      offset = end
      if prepared.traits.contains(.transactionControl) { continue }
      if !isFirst, statement.hasParameters || statement.expect != nil {
        throw .rejected(
          .badParameters(
            "\"params\", \"rows\" and \"expect\" go with one statement, but the SQL has several",
            statement: statementIndex, hint: "use \"statements\", one object for each"))
      }
      isFirst = false
      try admit(prepared)
      if job.result.format != .json { try checkFits(prepared, of: statement.sql, end, connection) }
      try execute(prepared, statement, range, on: connection)
      if prepared.traits.contains(.schemaChange), reservedMention == nil,
        ReservedTarget.isMentioned(in: statement.sql, range)
      {
        reservedMention = statementIndex
      }
      statementIndex += 1
    }
    if isFirst, offset == 0 {
      throw .rejected(
        .badParameters("there is no statement in the SQL", statement: statementIndex))
    }
  }

  /// A file of rows holds those of one statement.
  private func checkFits(
    _ prepared: Statement, of sql: String, _ end: Int, _ connection: borrowing Connection
  ) throws(JobStop) {
    if prepared.columnCount == 0 {
      throw .rejected(
        .misplacedFormat(
          job.result.format, "a statement that returns no rows", statement: statementIndex))
    }
    if try prepare(sql, from: end, on: connection) != nil {
      throw .rejected(.misplacedFormat(job.result.format, "several statements", statement: nil))
    }
  }

  private func prepare(
    _ sql: String, from offset: Int, on connection: borrowing Connection
  ) throws(JobStop) -> (statement: Statement, end: Int)? {
    do throws(SQLiteError) {
      return try connection.prepare(sql, from: offset, subject: settings.subject)
    } catch {
      var error = error
      if let place = error.offset { error.offset = place + offset }
      throw stop(error, connection)
    }
  }

  private func stop(_ error: SQLiteError, _ connection: borrowing Connection) -> JobStop {
    JobStop(
      error, statement: statementIndex, denial: connection.authorizer.denial,
      reason: connection.interrupt.reason, timeout: timeout)
  }

  private mutating func admit(_ prepared: Statement) throws(JobStop) {
    if !prepared.traits.isDisjoint(with: settings.unshareable) { throw .needsOwnConnection }
    if settings.subject == .reader, !prepared.isReadOnly, !prepared.isExplain,
      !prepared.traits.contains(.introspection)
    {
      throw .needsWriter
    }
    if traits.contains(.foreignKeysPragma), prepared.traits.contains(.writesRows) {
      throw .rejected(
        .forbidden(
          "PRAGMA foreign_keys has no effect inside a transaction", statementIndex,
          hint: "put it in front of everything else in the job"))
    }
    var new = prepared.traits
    // A leading one was in force before the transaction began.
    if statementIndex == 0, !settings.isLine, new.contains(.foreignKeysPragma),
      job.leadingForeignKeys != nil
    {
      new.remove(.foreignKeysPragma)
    }
    traits.formUnion(new)
  }

  private mutating func execute(
    _ prepared: Statement, _ statement: JobStatement, _ range: Range<Int>,
    on connection: borrowing Connection
  ) throws(JobStop) {
    let started = MonotonicTime.now()
    connection.interrupt.extend(deadline: started.advanced(bySeconds: timeout).nanoseconds)
    if prepared.traits.contains(.counters) { try forgetChanges(connection) }
    defer {
      prepared.reset()
      prepared.clearBindings()
    }
    writer.beginObject()
    var output = StatementOutput(
      index: statementIndex, options: job.result, isRead: settings.subject == .reader,
      file: try rowFile())
    var ended: MonotonicTime?
    defer {
      settings.monitor?.record(
        prepared, in: statement.sql, range, since: started, until: ended, rows: output.rowCount,
        changes: output.changes, stop: connection.interrupt.reason)
    }
    switch statement.parameters {
    case .none: try runOnce(prepared, nil, &output, connection)
    case .once(let set): try runOnce(prepared, set, &output, connection)
    case .rows(let sets):
      for set in sets {
        try runOnce(prepared, set, &output, connection)
        // The progress handler only looks while a statement runs on, which short ones never do.
        if connection.interrupt.isDue {
          throw stop(.interrupted, connection)
        }
      }
    }
    try output.finish(&writer)
    if settings.subject == .reader { note(prepared) }
    if prepared.columnCount > 0 { returnsRows = true }
    changes += output.changes
    if prepared.traits.contains(.writesRows) {
      writer.field("changes", output.changes)
      writer.field("last_insert_rowid", connection.lastInsertRowid)
    }
    let now = MonotonicTime.now()
    ended = now
    writer.member("\"seconds\":")
    Seconds.append(now.seconds(since: started), to: &writer.bytes)
    writer.endObject()
    if let expect = statement.expect { try output.check(expect) }
  }

  private mutating func note(_ read: Statement) {
    readTraits.formUnion(read.traits)
    // A plan may be another one on the same data.
    if read.isExplain { readTraits.insert(.volatile) }
    readUse.formUnion(read.use)
  }

  private func rowFile() throws(JobStop) -> RowFile? {
    let format = job.result.format
    guard format != .json, let output else { return nil }
    guard let file = RowFile(format, output) else {
      throw .rejected(.misplacedFormat(format, "a place without files", statement: nil))
    }
    return file
  }

  /// `changes()` would otherwise tell the last job's count: a DELETE of no rows makes it 0.
  private func forgetChanges(_ connection: borrowing Connection) throws(JobStop) {
    guard settings.subject == .writer, !hasChangedRows else { return }
    do throws(SQLiteError) {
      try connection.execute("DELETE FROM main._sluice_state WHERE 0")
      connection.authorizer.subject = settings.subject
    } catch {
      throw stop(error, connection)
    }
  }

  private mutating func runOnce(
    _ prepared: Statement, _ set: ParameterSet?, _ output: inout StatementOutput,
    _ connection: borrowing Connection
  ) throws(JobStop) {
    let binder = ParameterBinder(captured: captured, statement: statementIndex)
    try binder.bind(set, to: prepared, lastInsertRowid: connection.lastInsertRowid)
    do throws(SQLiteError) {
      while try prepared.step() {
        if !captured.isEmpty {
          captured.capture(prepared, statement: statementIndex, row: output.rowCount)
        }
        let goesOn = try add(prepared, to: &output)
        if !goesOn { break }
      }
      try end(prepared, &output)
      if prepared.traits.contains(.writesRows) {
        hasChangedRows = true
        output.changes += connection.changes
      }
      prepared.reset()
    } catch {
      if let rejected = rowStop { throw rejected }
      throw stop(error, connection)
    }
  }

  /// Set where a row itself could not be taken; the loop above throws SQLite's errors only.
  private var rowStop: JobStop?

  private mutating func end(
    _ prepared: Statement, _ output: inout StatementOutput
  ) throws(SQLiteError) {
    do throws(JobStop) {
      try output.end(prepared, &writer)
    } catch {
      rowStop = error
      throw .interrupted
    }
  }

  private mutating func add(
    _ row: Statement, to output: inout StatementOutput
  ) throws(SQLiteError) -> Bool {
    do throws(JobStop) {
      let goesOn = try output.add(row, &writer)
      if settings.subject == .writer, writer.bytes.count > settings.returningLimit {
        throw .failed(
          JobError(
            .request, SluiceCode.tooLarge,
            "what the job returns is more than \(settings.returningLimit) bytes",
            statement: statementIndex,
            hint: "return fewer rows or columns, or read them with a job of its own"))
      }
      try self.output?.offer(&writer.bytes)
      return goesOn
    } catch {
      rowStop = error
      throw .interrupted
    }
  }
}

extension SQLiteError {
  /// Stands for a statement that was stopped between two steps.
  static var interrupted: SQLiteError { SQLiteError(code: 9, message: "interrupted") }
}

extension JobStatement {
  var hasParameters: Bool {
    if case .none = parameters { return false }
    return true
  }
}
