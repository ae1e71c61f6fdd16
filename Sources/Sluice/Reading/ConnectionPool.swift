import SQLite
import Synchronization

/// A fixed number of connections that read, lent to one thread each; opened on demand.
///
/// Fair: who waits is served by priority, then by arrival. Health is the borrower's verdict; the
/// pool replaces what is broken, worn out or old. Any method may be called from any thread.
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
    /// Notes what the connections do.
    public var monitor: QueryMonitor?

    public init(path: String) { self.path = path }
  }

  public struct Statistics: Sendable, Equatable {
    public var open = 0
    public var lent = 0
    public var waiting = 0
    public var opened = 0
    public var recycled = 0
    public var failed = 0
    public var uses = 0
    public var timeouts = 0
  }

  private struct Waiter: Sendable {
    var priority: Priority
    var number: UInt64
  }

  private struct State: Sendable {
    var idle: [PooledConnection] = []
    var waiters: [Waiter] = []
    var nextNumber: UInt64 = 0
    var statistics = Statistics()

    func isFirst(_ number: UInt64) -> Bool {
      let first = waiters.min { ($0.priority, $0.number) < ($1.priority, $1.number) }
      return first?.number == number
    }
  }

  private enum Grant: Sendable {
    case existing(PooledConnection)
    case openNew
  }

  private let configuration: Configuration
  private let state = Monitor(State())
  /// Seconds; `configuration.timeout` at first.
  private let timeout: Mutex<Double>

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    timeout = Mutex(configuration.timeout)
  }

  /// Changes how long borrowers wait, in seconds; for those that come from now on.
  public func wait(atMost seconds: Double) { timeout.withLock { $0 = seconds } }

  public var statistics: Statistics { state.withLock { $0.statistics } }

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
    let deadline = MonotonicTime.now().advanced(bySeconds: timeout)
    let size = configuration.size
    let grant = state.wait(until: deadline) { state -> Grant? in
      guard state.isFirst(number) else { return nil }
      if let connection = state.idle.popLast() { return .existing(connection) }
      guard state.statistics.open < size else { return nil }
      state.statistics.open += 1
      return .openNew
    }
    state.withLock { state in
      state.waiters.removeAll { $0.number == number }
      state.statistics.waiting = state.waiters.count
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
      let rested = MonotonicTime.now().seconds(since: connection.lastUse)
      if rested < configuration.idleCheck || connection.isHealthy() { return connection }
      state.withLock { $0.statistics.recycled += 1 }
    }
    do throws(SQLiteError) {
      let connection = try PooledConnection(
        path: configuration.path, monitor: configuration.monitor)
      state.withLock { $0.statistics.opened += 1 }
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
    var keeps = verdict != .discard
    if verdict == .suspect { keeps = connection.isHealthy() }
    if connection.uses >= configuration.usesMax { keeps = false }
    if now.seconds(since: connection.opened) >= configuration.ageMax { keeps = false }
    state.withLock { state in
      state.statistics.lent -= 1
      state.statistics.uses += 1
      if keeps {
        state.idle.append(connection)
      } else {
        state.statistics.open -= 1
        state.statistics.recycled += 1
      }
    }
    state.broadcast()
  }

  /// Closes what is not lent; what is, closes when it comes back, if `usesMax` is reached.
  public func closeIdle() {
    let closed = state.withLock { state in
      defer {
        state.statistics.open -= state.idle.count
        state.idle.removeAll()
      }
      return state.idle
    }
    _ = closed
  }
}

private func < (left: (Priority, UInt64), right: (Priority, UInt64)) -> Bool {
  left.0 == right.0 ? left.1 < right.1 : left.0 < right.0
}
