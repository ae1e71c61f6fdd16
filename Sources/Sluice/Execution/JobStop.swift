import SQLite

/// Why a job's execution ended before its last statement.
enum JobStop: Error {
  /// Its SQL failed, or an expectation: the job is rolled back and `failed`.
  case failed(JobError)
  /// It asks for what is forbidden or its parameters do not fit: `rejected`.
  case rejected(JobError)
  /// A reader met a write: the writer must run it.
  case needsWriter
  /// It would leave traces on a shared connection: it needs one of its own.
  case needsOwnConnection
  /// It was stopped from outside.
  case interrupted(Interrupt.Reason)
  /// The environment failed, not the job.
  case environment(SQLiteError)
}

extension JobStop {
  /// Sorts a failed call by whose failure it is.
  ///
  /// - Parameters:
  ///   - denial: what the authorizer refused, if it did.
  ///   - reason: why the statement was interrupted, if it was.
  ///   - timeout: the seconds that the statement was allowed, for the message.
  init(
    _ error: SQLiteError, statement: Int, denial: Authorizer.Denial?, reason: Interrupt.Reason?,
    timeout: Double
  ) {
    if let denial {
      self =
        denial.needsWriter
        ? .needsWriter : .rejected(.forbidden(denial.message, statement, hint: denial.hint))
      return
    }
    // SQLite refuses these by itself, before it asks the authorizer.
    if error.message.hasPrefix("table sqlite_"), error.message.hasSuffix("may not be modified") {
      self = .rejected(
        .forbidden(error.message, statement, hint: "change the schema with CREATE, ALTER and DROP"))
      return
    }
    switch ResultClass(error.code) {
    case .interrupt:
      guard let reason, reason != .timeout else {
        self = .failed(.timedOut(after: timeout, statement: statement))
        return
      }
      self = .interrupted(reason)
    case .environment, .corrupt: self = .environment(error)
    case .constraint, .sql, .locked:
      self = .failed(JobError(error, statement: statement))
    }
  }
}

extension JobStop {
  /// With the line of the script that the error is in.
  /// - Parameter line: that of a byte of the statement.
  func placed(_ line: (_ offset: Int) -> Int) -> JobStop {
    func placed(_ error: JobError) -> JobError {
      var error = error
      error.line = line(error.offset ?? 0)
      return error
    }
    return switch self {
    case .failed(let error): .failed(placed(error))
    case .rejected(let error): .rejected(placed(error))
    case .needsWriter, .needsOwnConnection, .interrupted, .environment: self
    }
  }

  func placed(inScript statement: JobStatement) -> JobStop {
    guard let line = statement.line else { return self }
    return placed { offset in
      statement.sql.utf8.prefix(offset).reduce(line) { $1 == 0x0a ? $0 + 1 : $0 }
    }
  }
}

/// What a result code says of the cause, and so of the recovery.
enum ResultClass {
  /// The job's data or schema refuse it.
  case constraint
  /// The job's SQL is wrong.
  case sql
  /// The database file is damaged.
  case corrupt
  /// Another connection holds a lock.
  case locked
  /// A full or failing disk, no memory, no file: no job is to blame until that is shown.
  case environment
  case interrupt

  init(_ code: Int32) {
    switch ResultCode.name(of: code & 0xff) {
    case "SQLITE_CONSTRAINT": self = .constraint
    case "SQLITE_CORRUPT", "SQLITE_NOTADB": self = .corrupt
    case "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL": self = .locked
    case "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CANTOPEN", "SQLITE_READONLY":
      self = .environment
    case "SQLITE_INTERRUPT": self = .interrupt
    default: self = .sql
    }
  }
}

extension SQLiteError {
  var isFull: Bool { ResultCode.name(of: primaryCode) == "SQLITE_FULL" }
  var isCorrupt: Bool { ResultClass(code) == .corrupt }
  var isOutOfMemory: Bool { ResultCode.name(of: primaryCode) == "SQLITE_NOMEM" }
}

extension JobError {
  /// Whether SQLite found the database file damaged.
  var isDamage: Bool { code.hasPrefix("SQLITE_CORRUPT") || code == "SQLITE_NOTADB" }

  /// What SQLite said, with its kind, its name and whether trying again may help.
  public init(_ error: SQLiteError, statement: Int? = nil) {
    let kind: Kind
    var hint: String?
    switch ResultCode.name(of: error.primaryCode) {
    case "SQLITE_CONSTRAINT":
      kind = .constraint
      hint = Self.hint(ofConstraint: error.name)
    case "SQLITE_BUSY", "SQLITE_LOCKED":
      kind = .lockTimeout
      hint = "another connection holds a lock; drop the job again when it is gone"
    case "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_PROTOCOL":
      kind = .connection
      hint = "see what has become of the database file and its directory: sluice doctor"
    case "SQLITE_NOMEM":
      kind = .storage
      hint = "let a statement hold less at a time, or raise \"sql_memory\" in [limits]"
    case "SQLITE_TOOBIG":
      kind = .sql
      hint = "split the value, or raise \"value_bytes\" in [limits]"
    case "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY":
      kind = .storage
      hint = "see that the disk has room and works: sluice doctor"
    case "SQLITE_CORRUPT":
      kind = .storage
      hint = "the database file is damaged: restore a backup, or try sqlite3's .recover"
    case "SQLITE_ABORT":
      kind = .transaction
      hint = "a trigger or a conflict clause ended the transaction; nothing of the job is left"
    default:
      kind = .sql
      hint = "compare the statement with the schema: SELECT sql FROM sqlite_schema"
    }
    self.init(
      kind, error.name, error.message, number: Int(error.code), statement: statement,
      offset: error.offset, retryable: RetryPolicy.isRetryable(sqliteCode: error.code), hint: hint)
  }

  private static func hint(ofConstraint name: String) -> String {
    switch name {
    case "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID":
      "a row with that key is there already; use another, or say ON CONFLICT what is to happen"
    case "SQLITE_CONSTRAINT_FOREIGNKEY": "a row refers to one that is not there when the job ends"
    case "SQLITE_CONSTRAINT_NOTNULL": "give that column a value"
    case "SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_DATATYPE":
      "give a value that the column takes"
    case "SQLITE_CONSTRAINT_TRIGGER": "a trigger of the schema refuses it"
    default: "change the row, or the constraint that refuses it"
    }
  }

  static func timedOut(after seconds: Double, statement: Int) -> JobError {
    JobError(
      .timeout, SluiceCode.timeout, "the statement ran for more than \(seconds) s and was undone",
      statement: statement,
      hint: "give the job a longer \"timeout\", an index, or split it into smaller jobs")
  }

  static func forbidden(_ message: String, _ statement: Int?, hint: String?) -> JobError {
    JobError(
      .request, SluiceCode.forbidden, message, statement: statement,
      hint: hint?.isEmpty == true ? nil : hint)
  }

  static func misplacedFormat(
    _ format: ResultFormat, _ what: String, statement: Int?
  ) -> JobError {
    JobError(
      .request, SluiceCode.badJob,
      "\"format\": \"\(format.rawValue)\" is for one read that returns rows, not for \(what)",
      statement: statement, pointer: "/result/format",
      hint: "leave \"format\" out, or read the rows with a job of its own")
  }

  static func badParameters(_ message: String, statement: Int, hint: String? = nil) -> JobError {
    JobError(
      .request, SluiceCode.badJob, message, statement: statement,
      hint: hint ?? "give each placeholder of the statement exactly one value")
  }
}
