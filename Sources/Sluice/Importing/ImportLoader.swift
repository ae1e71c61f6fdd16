import SQLite

/// Loads the rows of one import, a chunk at a time, inside transactions that its caller begins and
/// ends; used on the writer's thread.
final class ImportLoader {
  enum End {
    /// There is more to load.
    case goesOn
    case finished
    /// At a row that cannot be loaded; those before it are in.
    case stopped(RowError)
  }

  /// Bytes of rows in one chunk: the WAL stays near the size that a checkpoint takes no time for.
  static let chunkBytes = 4 << 20
  /// Rows between two looks at the clock.
  private static let rowsPerLook = 16
  /// Kinds of JSON objects whose statements are kept.
  private static let statementsMax = 32

  private let plan: ImportPlan
  private let reader: any ImportReader
  private let timeout: Double
  private var columns: [String] = []
  private var statements: [[String]: Statement] = [:]
  private var last: (columns: [String], statement: Statement)?
  /// A trigger may write other rows before it fails, which a failing statement does not undo.
  private var needsSavepoints = false
  private var row = ImportRow()

  /// Whether a row that is there already is none to be loaded.
  private var mayLeaveOut: Bool {
    plan.request.conflict == .ignore || plan.request.conflict == .update
  }

  /// - Parameter timeout: the seconds that a chunk may run, for the message.
  init(_ request: ImportRequest, _ reader: any ImportReader, timeout: Double) {
    plan = ImportPlan(request: request)
    self.timeout = timeout
    self.reader = reader
  }

  func place() throws(StreamFailure) -> ImportPlace { try reader.place() }

  // MARK: Beginning

  /// Makes the table if that is asked for; in the first chunk only.
  /// - Parameter sample: the file's rows from the first one on.
  func createTable(
    _ sample: any ImportReader, on connection: borrowing Connection
  ) throws(ImportStop) {
    let columns: [(name: String, type: ColumnType)]
    do throws(StreamFailure) {
      columns = try plan.sample(sample)
    } catch {
      throw .stream(error)
    }
    // An empty file says nothing about a table.
    if columns.isEmpty { return }
    let create = try prepare(plan.create(columns), connection)
    do throws(SQLiteError) {
      try create.run()
    } catch {
      throw stop(error, connection)
    }
  }

  /// Looks at the table; at the beginning of each chunk, since others may change it in between.
  func begin(on connection: borrowing Connection) throws(ImportStop) {
    do throws(SQLiteError) {
      needsSavepoints = try !Self.names(ImportPlan.triggersQuery, plan.request.table, connection)
        .isEmpty
      if let given = plan.request.columns ?? reader.header {
        columns = given
      } else {
        columns = try Self.names(ImportPlan.columnsQuery, plan.request.table, connection)
      }
    } catch {
      throw .job(.environment(error))
    }
    statements.removeAll()
    last = nil
    if !columns.isEmpty { last = (columns, try statement(columns, connection)) }
    connection.authorizer.subject = .writer
  }

  private static func names(
    _ query: String, _ table: String, _ connection: borrowing Connection
  ) throws(SQLiteError) -> [String] {
    let statement = try connection.prepareOwn(query)
    try statement.bind(.text(table), at: 1)
    var names: [String] = []
    while try statement.step() {
      if case .text(let name) = statement.value(0) { names.append(name) } else { names.append("") }
    }
    return names
  }

  private func statement(
    _ columns: [String], _ connection: borrowing Connection
  ) throws(ImportStop) -> Statement {
    if let known = statements[columns] { return known }
    if statements.count >= Self.statementsMax { statements.removeAll() }
    let statement = try prepare(plan.insert(columns), connection)
    statements[columns] = statement
    return statement
  }

  private func prepare(
    _ sql: String, _ connection: borrowing Connection
  ) throws(ImportStop) -> Statement {
    do throws(SQLiteError) {
      guard let (statement, _) = try connection.prepare(sql, subject: .writer) else {
        throw SQLiteError(code: 21, message: "no statement in \(sql)")
      }
      return statement
    } catch {
      throw stop(error, connection)
    }
  }

  private func stop(_ error: SQLiteError, _ connection: borrowing Connection) -> ImportStop {
    var stop = JobStop(
      error, statement: 0, denial: connection.authorizer.denial,
      reason: connection.interrupt.reason, timeout: timeout)
    if case .failed(var failure) = stop {
      failure.statement = nil
      failure.offset = nil
      if failure.code == "SQLITE_ERROR", let hint = Self.hint(error.message) {
        failure.hint = hint
      }
      stop = .failed(failure)
    }
    return .job(stop)
  }

  private static func hint(_ message: String) -> String? {
    if message.hasPrefix("no such table") {
      return "make the table first, or set \"create\": true"
    }
    if message.contains("has no column named") {
      return "name the target columns in \"columns\", in the file's order"
    }
    if message.hasPrefix("ON CONFLICT clause does not match") {
      return "name in \"key\" the columns of a PRIMARY KEY or UNIQUE constraint of the table"
    }
    return nil
  }

  /// Notes what a chunk did as one run of its statement.
  func note(in monitor: MonitorSink?, since started: MonotonicTime, rows: Int64) {
    guard let monitor, let last else { return }
    let sql = plan.insert(last.columns)
    monitor.record(
      last.statement, in: sql, 0..<sql.utf8.count, since: started, until: .now(), rows: 0,
      changes: rows, stop: nil)
  }

  /// Lets go of the last row's values; at the end of each chunk.
  func end() {
    for statement in statements.values { statement.clearBindings() }
    statements.removeAll()
    last = nil
  }

  // MARK: Rows

  /// Loads rows until there are no more, `windowEnd` (monotonic nanoseconds) has passed or the chunk
  /// is large enough.
  /// - Parameter condemned: rows that took a transaction down, by line: they are bad without being
  ///   tried again. A chunk ends behind one, so that it is never met twice.
  func run(
    _ progress: inout ImportProgress, condemned: [Int: JobError], until windowEnd: Int64,
    on connection: borrowing Connection
  ) throws(ImportStop) -> End {
    var bytes = 0
    var rows = 0
    while true {
      do throws(StreamFailure) {
        guard try reader.next(&row) else { return .finished }
      } catch {
        throw .stream(error)
      }
      let known = condemned.isEmpty ? nil : condemned[row.line]
      let bad: RowError?
      if let known {
        bad = RowError(line: row.line, known)
      } else {
        bad = try load(&progress, connection)
      }
      if let error = bad {
        guard plan.request.badRows == .skip else { return .stopped(error) }
        progress.skipped += 1
        progress.add(error)
        if known != nil, windowEnd != .max { return .goesOn }
      }
      bytes += row.isText ? row.text.count : row.values.count * 16
      rows += 1
      guard rows % Self.rowsPerLook == 0 else { continue }
      if bytes >= Self.chunkBytes, windowEnd != .max { return .goesOn }
      if MonotonicTime.now().nanoseconds >= windowEnd { return .goesOn }
      if connection.interrupt.isDue { throw stop(.interrupted, connection) }
    }
  }

  /// Loads the current row.
  /// - Returns: what is wrong with it, and then nothing of it is in.
  private func load(
    _ progress: inout ImportProgress, _ connection: borrowing Connection
  ) throws(ImportStop) -> RowError? {
    if let fault = row.fault {
      return RowError(
        line: row.line, JobError(.request, fault.code, fault.message), column: fault.column)
    }
    let target = row.names ?? columns
    if row.count != target.count {
      return RowError(
        line: row.line,
        JobError(
          .request, SluiceCode.badFile,
          "the row has \(row.count) values for \(target.count) columns"),
        column: min(row.count, target.count) + 1)
    }
    if row.names != nil, let fault = misfit(target) {
      return RowError(
        line: row.line, JobError(.request, SluiceCode.badFile, fault), column: 1)
    }
    let statement = try self.statement(for: target, connection)
    do throws(SQLiteError) {
      if needsSavepoints { try connection.execute("SAVEPOINT row") }
      connection.authorizer.subject = .writer
      try bind(to: statement)
      try statement.run()
      // Behind a view, a trigger's work is not counted.
      let isIn = mayLeaveOut ? connection.changes > 0 : true
      if isIn { progress.imported += 1 } else { progress.skipped += 1 }
      if needsSavepoints { try connection.execute("RELEASE row") }
      return nil
    } catch {
      return try rowError(error, target, connection)
    }
  }

  private func statement(
    for target: [String], _ connection: borrowing Connection
  ) throws(ImportStop) -> Statement {
    if let last, last.columns == target { return last.statement }
    let statement = try self.statement(target, connection)
    last = (target, statement)
    return statement
  }

  /// Why an object's keys cannot be loaded: one is none of the columns, or a column of another one.
  private func misfit(_ names: [String]) -> String? {
    if let last, last.columns == names { return nil }
    let folded = columns.map { $0.lowercased() }
    var met: Set<String> = []
    for name in names {
      let column = name.lowercased()
      if !folded.contains(column) { return "\(name) is none of the columns to be loaded" }
      if !met.insert(column).inserted { return "\(name) is there twice, in other letters" }
    }
    return nil
  }

  private func bind(to statement: Statement) throws(SQLiteError) {
    guard row.isText else {
      for (index, value) in row.values.enumerated() { try statement.bind(value, at: index + 1) }
      return
    }
    var failure: SQLiteError?
    row.text.withUnsafeBytes { text in
      var start = 0
      for (index, end) in row.ends.enumerated() {
        do throws(SQLiteError) {
          if end < 0 {
            try statement.bind(.null, at: index + 1)
            start = -1 - end
          } else {
            try statement.bind(
              text: UnsafeRawBufferPointer(rebasing: text[start..<end]), at: index + 1)
            start = end
          }
        } catch {
          failure = error
          return
        }
      }
    }
    if let failure { throw failure }
  }

  // MARK: Bad rows

  private func rowError(
    _ error: SQLiteError, _ target: [String], _ connection: borrowing Connection
  ) throws(ImportStop) -> RowError {
    let stop = stop(error, connection)
    guard case .job(.failed(var failure)) = stop else { throw stop }
    failure.hint = nil
    let bad = RowError(line: row.line, failure, column: column(error.message, target) + 1)
    if connection.isAutocommit { throw .rowTookTransaction(bad) }
    if needsSavepoints {
      do throws(SQLiteError) {
        try connection.execute("ROLLBACK TO row;RELEASE row")
      } catch {
        throw .job(.environment(error))
      }
    }
    switch ResultClass(error.code) {
    case .constraint: return bad
    case .sql:
      // Either the row or the table is to blame; the table, if the statement does not compile now.
      if failure.code == "SQLITE_ERROR" { _ = try prepare(plan.insert(target), connection) }
      return bad
    case .corrupt, .locked, .environment, .interrupt: throw stop
    }
  }

  /// The column that a message of SQLite names (`UNIQUE constraint failed: people.name`), from 0.
  private func column(_ message: String, _ target: [String]) -> Int {
    target.firstIndex { name in
      message.hasSuffix("." + name) || message.contains("." + name + ",")
    } ?? 0
  }
}

/// Why a chunk of an import came to nothing.
enum ImportStop: Error {
  case job(JobStop)
  case stream(StreamFailure)
  /// The row took the whole transaction down.
  case rowTookTransaction(RowError)
}
