import SQLite

/// Runs a program's reads beside the writer, as many at once as the pool has connections.
///
/// A read sees one snapshot, no older than the call: whatever write has returned before is in it.
/// Readers take the most urgent call first and no reader rests while another call waits. A statement
/// that runs for longer than `timeout` is stopped (kind `.timeout`), wherever it is; what may pass by
/// itself is tried again. Compiled statements are kept, 256 for each connection. SQL that turns out
/// to write is passed on to the writer, and its result has a `commit`.
///
/// Source: a reader's snapshot in the write-ahead log (<https://sqlite.org/isolation.html>);
/// `sqlite3_progress_handler` and `sqlite3_interrupt` for time limits and cancels.
///
/// May be used from any thread or task.
public struct ParallelCursor: Sendable {
  private let database: Database

  init(_ database: Database) { self.database = database }

  /// Reads everything that the SQL returns into memory, or takes it from the cache.
  ///
  /// - Parameters:
  ///   - values: for `?` and `?NNN`.
  ///   - timeout: seconds for one statement; nil takes `queryTimeout`.
  ///   - limit: seconds for everything, waiting included; nil is for ever.
  ///   - cache: for how many seconds a result may be served from the cache, never a stale one; nil
  ///     takes the rule that matches, 0 is not at all.
  public func read(
    _ sql: String, _ values: [Value] = [], priority: Priority = .normal, timeout: Double? = nil,
    limit: Double? = nil, cache: Double? = nil
  ) async throws(JobError) -> CallResult {
    var job = Job(statements: [JobStatement(sql: sql, values: values)])
    job.timeout = timeout
    job.cacheSeconds = cache
    return try await database.call(job, priority, limit: limit)
  }

  /// The rows of one statement as they are read, in memory that does not grow with their number.
  ///
  /// The read begins when the first row is asked for, and ends when nobody holds the iterator any
  /// more. Its snapshot keeps the write-ahead log from being emptied, so `timeout` (nil takes
  /// `queryTimeout`) bounds it including the time that the rows take to be used. It is neither
  /// cached nor tried again, since rows may have been used.
  public func rows(
    _ sql: String, _ values: [Value] = [], priority: Priority = .normal, timeout: Double? = nil
  ) -> RowSequence {
    var job = Job(statements: [JobStatement(sql: sql, values: values)])
    job.result.format = .jsonl
    job.retries = 0
    let seconds = timeout ?? database.engine.configuration.queryTimeout
    job.timeout = seconds
    return RowSequence(database: database, job: job, priority: priority, timeout: seconds)
  }
}

/// Rows that are read while they are iterated over; each iteration is a read of its own.
public struct RowSequence: AsyncSequence, Sendable {
  public typealias Element = [Value]

  let database: Database
  let job: Job
  let priority: Priority
  let timeout: Double

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Belongs to one task.
  public final class Iterator: AsyncIteratorProtocol {
    private let sequence: RowSequence
    private var pipe: RowPipe?
    private var rows: [[Value]] = []
    private var position = 0

    init(_ sequence: RowSequence) { self.sequence = sequence }

    deinit { pipe?.cancel() }

    /// - Throws: a ``JobError``.
    public func next() async throws -> [Value]? {
      if position == rows.count {
        let pipe = begun()
        guard let more = try await pipe.next() else { return nil }
        rows = more
        position = 0
      }
      defer { position += 1 }
      return rows[position]
    }

    private func begun() -> RowPipe {
      if let pipe { return pipe }
      let started = sequence.database.stream(
        sequence.job, sequence.priority, timeout: sequence.timeout)
      pipe = started
      return started
    }
  }
}
