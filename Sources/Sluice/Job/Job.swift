import SQLite

/// What one job asks for, checked and typed.
///
/// Made by a decoder from a file or by a program directly; knows nothing of where it came from.
public struct Job: Sendable, Equatable {
  /// Idempotency key of a write within its database; on a read a mere label.
  public var id: String?
  /// The producer's own words, JSON text as written, given back in the result.
  public var meta: [UInt8]?
  public var database = "main"
  /// The priority asked for; nil takes that of the lane.
  public var priority: Priority?
  public var body: JobBody
  /// The isolation asked for; nil is `immediate` for writes and `deferred` for reads.
  public var transaction: IsolationLevel?
  /// Running time allowed to one statement in seconds, its rows together, or to one chunk of an
  /// import; nil takes the setting.
  public var timeout: Double?
  /// When to give up, waiting included; nil is never.
  public var expires: JobInstant?
  /// When it may start at the earliest; nil is at once.
  public var notBefore: JobInstant?
  /// Repeats allowed after an error worth retrying; nil takes the setting.
  public var retries: Int?
  /// Names or ids of jobs that must be done first.
  public var after: [String] = []
  /// Seconds for which a read's result may be served from the cache, 0 for not at all; nil takes
  /// the matching rule.
  public var cacheSeconds: Double?
  public var result = ResultOptions()

  public init(statements: [JobStatement] = []) { body = .transaction(statements) }

  public init(body: JobBody) { self.body = body }

  /// What an import asks for, or nil.
  public var importRequest: ImportRequest? {
    if case .importFile(let request) = body { request } else { nil }
  }

  /// The statements of a transaction; empty for an import or a command.
  public var statements: [JobStatement] {
    get { if case .transaction(let statements) = body { statements } else { [] } }
    set { body = .transaction(newValue) }
  }

  /// Whether it is read while it runs.
  public var isStreamed: Bool {
    switch body {
    case .script, .batch, .importFile: true
    case .transaction, .control: false
    }
  }
}

/// The work itself.
public enum JobBody: Sendable, Equatable {
  /// One or more statements, all or nothing.
  case transaction([JobStatement])
  /// The statements of a script, in one transaction that nobody shares.
  case script(StreamedBody<any ScriptSource>)
  /// Lines that are jobs of their own, in chunks.
  case batch(StreamedBody<any BatchSource>)
  case importFile(ImportRequest)
  /// A command to the worker.
  case control(ControlRequest)
}

/// A point in time as a job names it.
public enum JobInstant: Sendable, Equatable {
  case afterArrival(seconds: Double)
  case at(Timestamp)

  /// The instant meant by a job that arrived at `arrival`.
  public func resolved(arrival: Timestamp) -> Timestamp {
    switch self {
    case .afterArrival(let seconds): arrival.advanced(bySeconds: seconds)
    case .at(let instant): instant
    }
  }
}

/// SQL with its parameters and what is expected of it.
public struct JobStatement: Sendable, Equatable {
  /// One statement, or several separated by `;` where there are no parameters.
  public var sql: String
  public var parameters: Parameters
  public var expect: Expectation?
  /// Where it begins in a script, from 1; nil for SQL that is in JSON.
  public var line: Int?

  public init(
    sql: String, parameters: Parameters = .none, expect: Expectation? = nil, line: Int? = nil
  ) {
    self.sql = sql
    self.parameters = parameters
    self.expect = expect
    self.line = line
  }
}

/// The values for a statement's placeholders.
public enum Parameters: Sendable, Equatable {
  case none
  case once(ParameterSet)
  /// Run the statement once for each.
  case rows([ParameterSet])
}

/// The values for one run of a statement.
public enum ParameterSet: Sendable, Equatable {
  /// For `?` and `?NNN`, from 1.
  case positional([Parameter])
  /// For `:a`, `@a` and `$a`; the key is without its sigil.
  case named([NamedParameter])
}

public struct NamedParameter: Sendable, Equatable {
  public var name: String
  public var value: Parameter

  public init(name: String, value: Parameter) {
    self.name = name
    self.value = value
  }
}

/// A value given outright, or one that the job itself will produce before it is needed.
public enum Parameter: Sendable, Equatable {
  case value(Value)
  /// A column of a row that an earlier statement of the same job returned.
  case result(ResultPlace)
  /// The job's `last_insert_rowid()` so far.
  case lastInsertRowid
}

/// Where a returned value stands in a job's result; all counted from 0.
public struct ResultPlace: Sendable, Hashable {
  public var statement: Int
  public var row: Int
  public var column: Int

  public init(statement: Int, row: Int, column: Int) {
    self.statement = statement
    self.row = row
    self.column = column
  }
}

/// What must be true of a statement's outcome; otherwise the job is rolled back.
public struct Expectation: Sendable, Equatable {
  /// Rows inserted, updated or deleted by the statement.
  public var changes: Int64?
  /// Rows returned by the statement.
  public var rows: Int64?
  /// First column of the first row.
  public var value: Value?

  public init(changes: Int64? = nil, rows: Int64? = nil, value: Value? = nil) {
    self.changes = changes
    self.rows = rows
    self.value = value
  }
}

/// SQLite's transaction kinds: when the locks are taken.
public enum IsolationLevel: String, Sendable, CaseIterable {
  case deferred
  case immediate
  case exclusive
}

/// How a job's rows come back.
public struct ResultOptions: Sendable, Equatable {
  public var format = ResultFormat.json
  /// Rows kept per statement; nil keeps all.
  public var maxRows: Int?
  /// Rows as objects keyed by column name rather than arrays.
  public var objects = false

  public init(format: ResultFormat = .json, maxRows: Int? = nil, objects: Bool = false) {
    self.format = format
    self.maxRows = maxRows
    self.objects = objects
  }
}

/// Where a read's rows go.
public enum ResultFormat: String, Sendable, CaseIterable {
  /// Into the result itself.
  case json
  /// Into a file of their own, one JSON text per line.
  case jsonl
  /// Into a file of their own, with a header line.
  case csv

  /// Those that put the rows into a file of their own.
  public static let ofRows: [ResultFormat] = [.jsonl, .csv]
}
