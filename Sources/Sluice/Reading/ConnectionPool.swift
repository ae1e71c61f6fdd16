import SQLite

/// A fixed number of connections that read, lent to one thread each; opened on demand.
///
/// Fair: who waits is served by priority, then by arrival. The pool replaces what is worn out, old, or
/// given back as broken; it checks one that met an error or has rested before it lends it again, and
/// closes one that nobody has needed for a while. Any method may be called from any thread.
///
/// Source: that the borrower says whether a connection is to be used again is GRDB's (`Pool`); that
/// readers need no more than a connection each is the write-ahead log's
/// (<https://sqlite.org/wal.html#concurrency>). Uses, age and rest after which one is replaced or
/// checked are judgement: a connection costs 0.1 ms to open, so that none of them is felt.
///
/// ```swift
/// let rows = try database.engine.pool.withConnection(.high) { connection throws(JobError) in
///   try connection.rows("SELECT name FROM city WHERE id = ?", [.integer(7)])
/// }
/// ```
public final class ConnectionPool: Sendable {
  public struct Configuration: Sendable {
    /// The database file.
    public var path: String
    /// Connections at most.
    public var size = 10
    /// Seconds that a borrower waits before it gives up.
    public var timeout = 30.0
    /// Uses after which a connection is replaced.
    public var usesMax = 1_000_000
    /// Seconds after which it is replaced, so that memory it has gathered is given back.
    public var ageMax = 3600.0
    /// Seconds of rest after which it is checked before it is lent.
    public var idleCheck = 60.0
    /// Seconds of rest after which `closeRested` closes it.
    public var idleClose = 300.0
    /// Notes what the connections do.
    public var monitor: QueryMonitor?
    /// Bytes of the longest text, blob or row.
    public var valueBytes = Bounds.valueBytesCeiling

    public init(path: String) { self.path = path }
  }

  private struct Waiter: Sendable {
    var priority: Priority
    var number: UInt64
  }

  private struct State: Sendable {
    var idle: [PooledConnection] = []
    var waiters: [Waiter] = []
    var nextNumber: UInt64 = 0
    var statistics = PoolStatistics()
    /// Of those that are open, when they were opened.
    var births: [ObjectIdentifier: MonotonicTime] = [:]

    func isFirst(_ number: UInt64) -> Bool {
      let first = waiters.min { ($0.priority, $0.number) < ($1.priority, $1.number) }
      return first?.number == number
    }

    mutating func closed(_ connection: PooledConnection, _ now: MonotonicTime) {
      births[ObjectIdentifier(connection)] = nil
      statistics.open -= 1
      statistics.lifetimeSeconds += now.seconds(since: connection.opened)
    }
  }

  private enum Grant: Sendable {
    case existing(PooledConnection)
    case openNew
  }

  private let configuration: Configuration
  private let state = Monitor(State())
  /// Seconds; `configuration.timeout` at first.
  private let timeout: Monitor<Double>

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    timeout = Monitor(configuration.timeout)
  }

  /// Seconds of rest after which `closeRested` closes a connection.
  var idleClose: Double { configuration.idleClose }

  /// Changes how long borrowers wait, in seconds; for those that come from now on.
  public func wait(atMost seconds: Double) { timeout.withLock { $0 = seconds } }

  public var statistics: PoolStatistics {
    let now = MonotonicTime.now()
    return state.withLock { state in
      var statistics = state.statistics
      statistics.oldestSeconds = state.births.values.map { now.seconds(since: $0) }.max() ?? 0
      return statistics
    }
  }

  /// Lends a connection to `body` on this thread, which it blocks while all are lent: not for tasks,
  /// which have ``ParallelCursor``. After an error the connection is checked before its next use.
  /// - Throws: as `acquire`, or what `body` does.
  public func withConnection<Result>(
    _ priority: Priority = .normal,
    _ body: (PooledConnection) throws(JobError) -> Result
  ) throws(JobError) -> Result {
    let connection = try acquire(priority)
    do throws(JobError) {
      let result = try body(connection)
      release(connection, .reuse)
      return result
    } catch {
      release(connection, .suspect)
      throw error
    }
  }

  /// Borrows a connection; blocks while all are lent.
  /// - Throws: kind `.connection`: `SQLITE_BUSY` once `timeout` seconds have passed without one, or
  ///   what SQLite says where none can be opened.
  public func acquire(_ priority: Priority) throws(JobError) -> PooledConnection {
    let number = state.withLock { state in
      state.nextNumber += 1
      state.waiters.append(Waiter(priority: priority, number: state.nextNumber))
      state.statistics.waiting = state.waiters.count
      return state.nextNumber
    }
    let timeout = timeout.withLock { $0 }
    let asked = MonotonicTime.now()
    let deadline = asked.advanced(bySeconds: timeout)
    let size = configuration.size
    var hasWaited = false
    let grant = state.wait(until: deadline) { state -> Grant? in
      if state.isFirst(number) {
        if let connection = state.idle.popLast() { return .existing(connection) }
        if state.statistics.open < size {
          state.statistics.open += 1
          return .openNew
        }
      }
      hasWaited = true
      return nil
    }
    state.withLock { state in
      state.waiters.removeAll { $0.number == number }
      state.statistics.waiting = state.waiters.count
      if hasWaited { state.statistics.waited(MonotonicTime.now().seconds(since: asked)) }
      if grant == nil { state.statistics.timeouts += 1 } else { state.statistics.lent += 1 }
    }
    state.broadcast()
    guard let grant else {
      throw JobError(
        .connection, "SQLITE_BUSY",
        "all \(size) connections were in use for \(timeout) s", number: 5,
        retryable: true, hint: "raise pool_size, or shorten the reads that hold them")
    }
    return try ready(grant)
  }

  private func ready(_ grant: Grant) throws(JobError) -> PooledConnection {
    if case .existing(let connection) = grant {
      let now = MonotonicTime.now()
      let isDoubtful =
        connection.isSuspect || now.seconds(since: connection.lastUse) >= configuration.idleCheck
      if !isDoubtful { return connection }
      let isHealthy = connection.isHealthy()
      connection.isSuspect = false
      state.withLock { state in
        state.statistics.checks += 1
        if isHealthy { return }
        state.statistics.recycled += 1
        // Its place is kept for the one that replaces it.
        state.closed(connection, now)
        state.statistics.open += 1
      }
      if isHealthy { return connection }
    }
    do throws(SQLiteError) {
      let connection = try PooledConnection(
        path: configuration.path, monitor: configuration.monitor,
        valueBytes: configuration.valueBytes)
      state.withLock { state in
        state.statistics.opened += 1
        state.births[ObjectIdentifier(connection)] = connection.opened
      }
      return connection
    } catch {
      state.withLock { state in
        state.statistics.open -= 1
        state.statistics.lent -= 1
        state.statistics.failed += 1
      }
      state.broadcast()
      var failure = JobError(error)
      failure.kind = .connection
      failure.retryable = true
      throw failure
    }
  }

  /// Gives a connection back with the borrower's verdict of it.
  public func release(_ connection: PooledConnection, _ verdict: ConnectionVerdict) {
    let now = MonotonicTime.now()
    connection.uses += 1
    connection.lastUse = now
    connection.isSuspect = verdict == .suspect
    var keeps = verdict != .discard
    if connection.uses >= configuration.usesMax { keeps = false }
    if now.seconds(since: connection.opened) >= configuration.ageMax { keeps = false }
    state.withLock { state in
      state.statistics.lent -= 1
      state.statistics.uses += 1
      if keeps {
        state.idle.append(connection)
      } else {
        state.closed(connection, now)
        state.statistics.recycled += 1
      }
    }
    state.broadcast()
  }

  /// Closes what nobody has needed for `idleClose` seconds; opened again on demand.
  /// - Returns: whether some are left that are not lent.
  @discardableResult
  public func closeRested() -> Bool {
    closeIdle(restedFor: configuration.idleClose)
  }

  /// Closes what is not lent; what is, closes when it comes back, if `usesMax` is reached.
  public func closeIdle() { _ = closeIdle(restedFor: 0) }

  private func closeIdle(restedFor seconds: Double) -> Bool {
    let now = MonotonicTime.now()
    let (closed, hasMore) = state.withLock { state in
      let closed = state.idle.filter { now.seconds(since: $0.lastUse) >= seconds }
      state.idle.removeAll { now.seconds(since: $0.lastUse) >= seconds }
      for connection in closed { state.closed(connection, now) }
      state.statistics.rested += closed.count
      return (closed, !state.idle.isEmpty)
    }
    // They are closed here, outside the lock.
    withExtendedLifetime(closed) {}
    return hasMore
  }
}

private func < (left: (Priority, UInt64), right: (Priority, UInt64)) -> Bool {
  left.0 == right.0 ? left.1 < right.1 : left.0 < right.0
}
