import SQLite

/// What one job asks for, checked and typed: a transaction of one or more statements.
///
/// Made by a decoder from a file or by a program directly; knows nothing of where it came from.
public struct Job: Sendable {
  /// Idempotency key of a write within its database; on a read a mere label.
  public var id: String?
  /// The producer's own words, JSON text as written, given back in the result.
  public var meta: [UInt8]?
  public var database = "main"
  /// The priority asked for; nil takes that of the lane.
  public var priority: Priority?
  public var statements: [JobStatement] = []
  /// The isolation asked for; nil is `immediate` for writes and `deferred` for reads.
  public var transaction: IsolationLevel?
  /// Running time allowed to one statement in seconds, its rows together; nil takes the setting.
  public var timeout: Double?
  /// Repeats allowed after an error worth retrying; nil takes the setting.
  public var retries: Int?
  public var result = ResultOptions()

  public init(statements: [JobStatement] = []) { self.statements = statements }
}

/// SQL with its parameters and what is expected of it.
public struct JobStatement: Sendable {
  /// One statement, or several separated by `;` where there are no parameters.
  public var sql: String
  public var parameters: Parameters
  public var expect: Expectation?

  public init(sql: String, parameters: Parameters = .none, expect: Expectation? = nil) {
    self.sql = sql
    self.parameters = parameters
    self.expect = expect
  }
}

/// The values for a statement's placeholders.
public enum Parameters: Sendable {
  case none
  case once(ParameterSet)
  /// Run the statement once for each.
  case rows([ParameterSet])
}

/// The values for one run of a statement.
public enum ParameterSet: Sendable {
  /// For `?` and `?NNN`, from 1.
  case positional([Parameter])
  /// For `:a`, `@a` and `$a`; the key is without its sigil.
  case named([NamedParameter])
}

public struct NamedParameter: Sendable {
  public var name: String
  public var value: Parameter

  public init(name: String, value: Parameter) {
    self.name = name
    self.value = value
  }
}

/// A value given outright, or one that the job itself will produce before it is needed.
public enum Parameter: Sendable {
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
public struct Expectation: Sendable {
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
public struct ResultOptions: Sendable {
  /// Rows kept per statement; nil keeps all.
  public var maxRows: Int?
  /// Rows as objects keyed by column name rather than arrays.
  public var objects = false

  public init(maxRows: Int? = nil, objects: Bool = false) {
    self.maxRows = maxRows
    self.objects = objects
  }
}
