import JSON
import SQLite

/// What a call's job did, once it is done.
public struct CallResult: Sendable, Equatable {
  /// One for each statement, in order.
  public var statements: [StatementResult]
  /// The number of the writer's transaction that holds it; nil for a read.
  public var commit: Int64?
  /// How often it was begun, 1 where nothing went wrong.
  public var attempts: Int
  /// Whether the cache had it.
  public var isCached: Bool
  /// The first call with this `id`, whose outcome this is.
  public var duplicateOf: String?
  /// Seconds from the call until the job began, and for which it ran.
  public var waited: Double
  public var ran: Double

  /// The rows of the last statement that returns any.
  public var rows: [[Value]] { statements.last { !$0.columns.isEmpty }?.rows ?? [] }

  /// Rows changed by all statements together.
  public var changes: Int64 { statements.reduce(0) { $0 + ($1.changes ?? 0) } }
}

/// What one statement returned and changed.
public struct StatementResult: Sendable, Equatable {
  /// Names of the columns; empty where it returns no rows.
  public var columns: [String]
  public var rows: [[Value]]
  /// Rows inserted, updated or deleted; nil where it changes none.
  public var changes: Int64?
  public var lastInsertRowid: Int64?
  /// Its running time.
  public var seconds: Double
}

extension CallResult {
  /// - Throws: the job's error where it is not done.
  init(of outcome: Outcome) throws(JobError) {
    if let error = Self.error(in: outcome) { throw error }
    let document = Self.document(of: outcome)
    statements = (document["statements"]?.array ?? []).map { StatementResult($0) }
    commit = document["commit"]?.integer
    attempts = Int(document["attempts"]?.integer ?? 1)
    isCached = document["cached"]?.bool ?? false
    duplicateOf = document["duplicate_of"]?.string
    waited = document["times"]?["waited"]?.number ?? 0
    ran = document["times"]?["ran"]?.number ?? 0
  }

  /// Why the job is not done; nil where it is.
  static func error(in outcome: Outcome) -> JobError? {
    if outcome.status == .done { return nil }
    guard let node = document(of: outcome)["error"] else {
      preconditionFailure("a job that is \(outcome.status.name) does not say why")
    }
    return JobError(node)
  }

  private static func document(of outcome: Outcome) -> JSONNode {
    var bytes = outcome.result
    if case .result(let sink as GatheredBytes) = outcome.streamed { bytes = sink.bytes }
    // Rows nest no deeper than a value does.
    guard let document = try? JSONReader.parse(bytes) else {
      preconditionFailure("a result that was written as JSON cannot be read")
    }
    return document
  }
}

extension StatementResult {
  fileprivate init(_ node: JSONNode) {
    columns = (node["columns"]?.array ?? []).compactMap(\.string)
    rows = (node["rows"]?.array ?? []).map { row in
      (row.array ?? []).map { Value(resultNode: $0) }
    }
    changes = node["changes"]?.integer
    lastInsertRowid = node["last_insert_rowid"]?.integer
    seconds = node["seconds"]?.number ?? 0
  }
}

extension Value {
  /// A value as results write it.
  init(resultNode node: JSONNode) {
    switch node.value {
    case .null: self = .null
    case .bool(let isTrue): self = .integer(isTrue ? 1 : 0)
    case .integer(let number): self = .integer(number)
    case .real(let number): self = .real(number)
    case .string(let text): self = .text(text)
    case .object, .array:
      self = .blob(node["$blob"]?.string.flatMap { try? Base64.decode($0) } ?? [])
    }
  }
}

extension JobError {
  /// An error as results write it.
  fileprivate init(_ node: JSONNode) {
    let kind = node["kind"]?.string ?? ""
    let code = node["code"]?.string ?? ""
    let message = node["message"]?.string ?? ""
    self.init(Kind(rawValue: kind) ?? .worker, code, message)
    // Set one by one: as arguments they crash the optimiser of Swift 6.3.1 (CopyPropagation).
    number = Self.integer(node, "number")
    statement = Self.integer(node, "statement")
    offset = Self.integer(node, "offset")
    retryable = node["retryable"]?.bool ?? false
    hint = node["hint"]?.string
  }

  private static func integer(_ node: JSONNode, _ key: String) -> Int? {
    guard let number = node[key]?.integer else { return nil }
    return Int(number)
  }
}
