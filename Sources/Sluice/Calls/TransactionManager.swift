import SQLite

/// Runs a program's transactions, each all or nothing, through the database's one writer.
///
/// - **Isolation.** `immediate` (the default) shares its commit with other calls that wait. A write
///   that asks for `deferred` or `exclusive` runs alone, on a connection of its own; it takes the
///   write lock up front all the same. Readers see the state before until it is committed, whichever
///   it is: in the write-ahead log `exclusive` locks no more than `immediate`.
/// - **Deadlocks.** There is one writer, and no transaction is upgraded from reading to writing, so
///   calls cannot block each other for ever. A process that keeps the write lock for longer than
///   `connectionTimeout`, retries included, ends the call first in line with kind `.lockTimeout`,
///   and the message names it.
/// - **Time.** `timeout` bounds the running time of each statement, `limit` the whole call, waiting
///   included; a call that passes either is undone.
/// - **Rollback.** After any error nothing of the transaction is left, and the first error is the one
///   that is thrown. Whom it shared its commit with is not harmed.
/// - **Retries.** What may pass by itself is tried again up to `maxRetries` times: see
///   ``RetryPolicy``. A task that is cancelled gives its transaction up, unless its COMMIT is under
///   way.
/// - **Log.** With a ``QueryMonitor``, each transaction of the writer is a ``TransactionRecord`` of
///   ``Engine/snapshot()``; the worker writes them to `transactions.jsonl`.
///
/// Source: one flush of the log for a group of transactions is DeWitt and others', *Implementation
/// Techniques for Main Memory Database Systems* (SIGMOD 1984); a savepoint for each of the group is
/// SQLite's (<https://sqlite.org/lang_savepoint.html>), as are the isolations
/// (<https://sqlite.org/lang_transaction.html>).
///
/// May be used from any thread or task.
public struct TransactionManager: Sendable {
  private let database: Database

  init(_ database: Database) { self.database = database }

  /// Runs one statement, or several separated by `;` where there are no values.
  ///
  /// - Parameters:
  ///   - values: for `?` and `?NNN`.
  ///   - priority: who goes first; nobody waits for ever.
  ///   - id: makes the call idempotent: a second one with the same SQL and values has the first
  ///     one's outcome and no second effect, also after a crash.
  ///   - timeout: seconds for one statement; nil takes `queryTimeout`.
  ///   - limit: seconds for everything, waiting included; nil is for ever.
  /// - Throws: why nothing was changed.
  @discardableResult
  public func run(
    _ sql: String, _ values: [Value] = [], priority: Priority = .normal, id: String? = nil,
    isolation: IsolationLevel = .immediate, timeout: Double? = nil, limit: Double? = nil
  ) async throws(JobError) -> CallResult {
    try await run(
      [JobStatement(sql: sql, values: values)], priority: priority, id: id, isolation: isolation,
      timeout: timeout, limit: limit)
  }

  /// Runs statements as one transaction; one may use what an earlier one returned
  /// (``Parameter/result(_:)``) and say what must come of it (``Expectation``).
  @discardableResult
  public func run(
    _ statements: [JobStatement], priority: Priority = .normal, id: String? = nil,
    isolation: IsolationLevel = .immediate, timeout: Double? = nil, limit: Double? = nil
  ) async throws(JobError) -> CallResult {
    var job = Job(statements: statements)
    job.id = id
    // Said outright it would keep what turns out to be a read from the readers.
    job.transaction = isolation == .immediate ? nil : isolation
    job.timeout = timeout
    return try await database.call(job, priority, limit: limit)
  }
}

extension JobStatement {
  /// One statement with values for `?` and `?NNN`.
  public init(sql: String, values: [Value]) {
    self.init(
      sql: sql,
      parameters: values.isEmpty ? .none : .once(.positional(values.map { .value($0) })))
  }
}
