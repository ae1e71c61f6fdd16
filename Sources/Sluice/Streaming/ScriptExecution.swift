import JSON
import SQLite

/// What a script did as a whole: one entry for each statement would grow with it.
public struct ScriptTotals: Sendable, Equatable {
  /// Statements that ran.
  public var statements: Int64 = 0
  /// Rows they changed.
  public var changes: Int64 = 0
  /// Statements left out since they make or fill a `_sluice_*` table of the database that a dump
  /// is of.
  public var skipped: Int64 = 0

  public init() {}
}

/// Runs the statements of a script on a connection of its own, inside a transaction that its caller
/// began and will end.
struct ScriptExecution {
  private let job: Job
  private let name: String
  private let timeout: Double
  private let returningLimit: Int
  private(set) var totals = ScriptTotals()
  private var writer = JSONWriter()
  private var traits: StatementTraits = []
  /// A `PRAGMA foreign_keys` that is not leading was met.
  private var metLatePragma = false
  private var hasChangedRows = false
  private var index = 0
  private var line = 1

  private let transactions: JobSavepoints

  init(
    _ ticket: JobTicket, _ configuration: EngineConfiguration, _ transactions: JobSavepoints
  ) {
    job = ticket.job
    name = ticket.name
    self.transactions = transactions
    timeout = job.timeout ?? configuration.queryTimeout
    returningLimit = configuration.returningLimit
  }

  /// Why a script ended before its last statement.
  enum Stop: Error {
    case job(JobStop)
    case stream(StreamFailure)
  }

  /// - Returns: the rows that statements returned, as the `statements` of a result; nil for none.
  mutating func run(
    _ reader: any ScriptReader, on connection: borrowing Connection
  ) throws(Stop) -> [UInt8]? {
    writer.beginArray()
    var isFirst = true
    while let statement = try next(reader) {
      line = statement.line
      do throws(JobStop) {
        try run(statement, isFirst: isFirst, on: connection)
      } catch {
        throw .job(error.placed(statement.line(ofByte:)))
      }
      isFirst = false
    }
    guard !isFirst else {
      throw .stream(.unfit(.noStatement))
    }
    writer.endArray()
    return writer.bytes.count > 2 ? writer.bytes : nil
  }

  var changedSchema: Bool { traits.contains(.schemaChange) }
  var setPragma: Bool { traits.contains(.settingPragma) }

  private func next(_ reader: any ScriptReader) throws(Stop) -> ScriptStatement? {
    do throws(StreamFailure) {
      return try reader.next()
    } catch {
      throw .stream(error)
    }
  }

  private mutating func run(
    _ statement: ScriptStatement, isFirst: Bool, on connection: borrowing Connection
  ) throws(JobStop) {
    // The progress handler only looks while a statement runs on, which short ones never do.
    if connection.interrupt.isDue { throw stop(.interrupted, connection) }
    if ReservedTarget.isReserved(statement.text) {
      totals.skipped += 1
      return
    }
    let started = MonotonicTime.now()
    connection.interrupt.extend(deadline: started.advanced(bySeconds: timeout).nanoseconds)
    let compiled: Statement?
    do throws(SQLiteError) {
      compiled = try connection.prepareOnce(statement.text, subject: .writer)
    } catch {
      throw stop(error, connection)
    }
    guard let compiled, !compiled.traits.contains(.transactionControl) else { return }
    try admit(compiled, isFirst: isFirst)
    if compiled.traits.contains(.counters) { try forgetChanges(connection) }
    do throws(JobStop) {
      let changes = totals.changes
      try execute(compiled, connection)
      note(statement, since: started, changes: totals.changes - changes, isError: false)
    } catch {
      note(statement, since: started, changes: 0, isError: true)
      throw error
    }
    if compiled.traits.contains(.schemaChange), ReservedTarget.isMentioned(in: statement.text) {
      // At the end this would be found too, but not where.
      try transactions.check(
        changedSchema: true, statement: index, setPragma: false, on: connection)
    }
    totals.statements += 1
    index += 1
  }

  private func note(
    _ statement: ScriptStatement, since started: MonotonicTime, changes: Int64, isError: Bool
  ) {
    transactions.recorder?.record(
      scripted: statement.text, job: name,
      StatementRun(
        nanoseconds: MonotonicTime.now().nanoseconds - started.nanoseconds, rows: 0,
        changes: changes, isError: isError))
  }

  private mutating func admit(_ statement: Statement, isFirst: Bool) throws(JobStop) {
    guard statement.parameterCount == 0 else {
      throw .rejected(
        .badParameters(
          "the statement has placeholders, for which a script gives no values", statement: index,
          hint: "write the values into the script, or use a .json or .jsonl job"))
    }
    if statement.traits.contains(.foreignKeysPragma), !isFirst { metLatePragma = true }
    if metLatePragma, statement.traits.contains(.writesRows) {
      throw .rejected(
        .forbidden(
          "PRAGMA foreign_keys has no effect inside a transaction, and rows are written after it",
          index, hint: "put it in front of everything else in the script"))
    }
    traits.formUnion(statement.traits)
  }

  private mutating func execute(
    _ statement: Statement, _ connection: borrowing Connection
  ) throws(JobStop) {
    do throws(SQLiteError) {
      if statement.columnCount == 0 {
        while try statement.step() {}
        if statement.traits.contains(.writesRows) {
          hasChangedRows = true
          totals.changes += connection.changes
        }
        return
      }
    } catch {
      throw stop(error, connection)
    }
    try executeReturning(statement, connection)
  }

  private mutating func executeReturning(
    _ statement: Statement, _ connection: borrowing Connection
  ) throws(JobStop) {
    var output = StatementOutput(index: index, options: job.result, isRead: false)
    writer.beginObject()
    writer.field("statement", index)
    writer.field("line", line)
    do throws(SQLiteError) {
      while try statement.step() {
        do throws(JobStop) {
          _ = try output.add(statement, &writer)
        } catch {
          throw SQLiteError(wrapping: error, &rowStop)
        }
        if writer.bytes.count > returningLimit {
          rowStop = .failed(.returnsTooMuch(returningLimit, statement: index))
          throw .interrupted
        }
      }
      if statement.traits.contains(.writesRows) {
        hasChangedRows = true
        output.changes = connection.changes
        totals.changes += connection.changes
      }
    } catch {
      throw rowStop ?? stop(error, connection)
    }
    try output.end(statement, &writer)
    try output.finish(&writer)
    if statement.traits.contains(.writesRows) { writer.field("changes", output.changes) }
    writer.endObject()
  }

  private var rowStop: JobStop?

  /// `changes()` would otherwise tell what the engine itself wrote last.
  private func forgetChanges(_ connection: borrowing Connection) throws(JobStop) {
    if hasChangedRows { return }
    do throws(SQLiteError) {
      try connection.execute("DELETE FROM main._sluice_state WHERE 0")
      connection.authorizer.subject = .writer
    } catch {
      throw stop(error, connection)
    }
  }

  private func stop(_ error: SQLiteError, _ connection: borrowing Connection) -> JobStop {
    JobStop(
      error, statement: index, denial: connection.authorizer.denial,
      reason: connection.interrupt.reason, timeout: timeout)
  }
}

extension SQLiteError {
  /// Carries a job's stop out of a loop that throws SQLite's errors only.
  init(wrapping stop: JobStop, _ place: inout JobStop?) {
    place = stop
    self = .interrupted
  }
}

extension JobError {
  /// Of a script.
  public static var noStatement: JobError {
    JobError(
      .request, SluiceCode.badJob, "the script holds no statement",
      hint: "give at least one SQL statement")
  }

  static func returnsTooMuch(_ limit: Int, statement: Int) -> JobError {
    JobError(
      .request, SluiceCode.tooLarge, "what the job returns is more than \(limit) bytes",
      statement: statement,
      hint: "return fewer rows or columns, or read them with a job of its own")
  }
}
