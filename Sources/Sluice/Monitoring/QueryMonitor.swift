import Synchronization

/// What one database's statements and transactions did: counts, running times, what was slow and
/// what was unusual, all in bounded memory.
///
/// Recording costs some 50 ns a statement and takes no lock that threads contend for: each
/// connection has its own recorder, and they are merged when a snapshot is taken. Any method may be
/// called from any thread.
///
/// Source: one entry for all statements that differ in their literals only is PostgreSQL's
/// `pg_stat_statements`; the percentiles are HdrHistogram's (``LatencyHistogram``). The 50 ns are
/// measured, and `scripts/bench --monitoring` measures what it costs a worker.
public final class QueryMonitor: Sendable {
  /// Slow statements, unusual ones and transactions kept between two snapshots; of more, only the
  /// number.
  private static let slowMax = 100
  private static let unusualMax = 20
  private static let transactionsMax = 1000
  private static let buffersMax = 64

  private struct State: Sendable {
    var table = StatementTable()
    var buffers: [SampleBuffer] = []
    var uses = StatementUses()
    var slow: [SlowStatement] = []
    var slowOmitted = 0
    var unusual: [UnusualStatement] = []
    var transactions: [TransactionRecord] = []
    var transactionsOmitted = 0
    var totals = TransactionTotals()
  }

  /// Statements that run for so long are kept, in nanoseconds.
  private let slow: Atomic<Int64>
  var slowNanoseconds: Int64 { slow.load(ordering: .relaxed) }
  private let state = Monitor(State())
  private let generationValue = Atomic<UInt32>(1)

  /// - Parameter slowSeconds: from which running time on a statement counts as slow.
  public init(slowSeconds: Double) { slow = Atomic(Self.nanoseconds(slowSeconds)) }

  /// From which running time on a statement counts as slow from now on.
  public func countAsSlow(from seconds: Double) {
    slow.store(Self.nanoseconds(seconds), ordering: .relaxed)
  }

  private static func nanoseconds(_ seconds: Double) -> Int64 { Int64(min(seconds, 1e9) * 1e9) }

  // MARK: Statements

  /// A recorder for one connection.
  func recorder() -> StatementRecorder {
    let buffer = SampleBuffer()
    let closed = state.withLock { state in
      // Connections come and go also where nobody takes a snapshot.
      let closed = state.buffers.count < Self.buffersMax ? [] : state.buffers.filter(\.isClosed)
      if !closed.isEmpty { state.buffers.removeAll { $0.isClosed } }
      state.buffers.append(buffer)
      return closed
    }
    for buffer in closed { merge(buffer.take()) }
    return StatementRecorder(self, buffer)
  }

  var generation: UInt32 { generationValue.load(ordering: .relaxed) }

  func tag(of fingerprint: StatementFingerprint) -> UInt64 {
    state.withLock { $0.table.tag(of: fingerprint) }
  }

  func merge(_ content: SampleBuffer.Content) {
    if content.samples.isEmpty { return }
    let now = Timestamp.now()
    state.withLock { state in
      state.uses.compiled += content.uses.compiled
      state.uses.reused += content.uses.reused
      for sample in content.samples {
        guard let usual = state.table.add(sample, now: now),
          state.unusual.count < Self.unusualMax
        else { continue }
        state.unusual.append(
          UnusualStatement(
            fingerprint: state.table.fingerprint(ofTag: sample.tag), at: now,
            seconds: Double(sample.nanoseconds) / 1e9, usualSeconds: Double(usual) / 1e9))
      }
    }
  }

  /// Notes that the cache had the result of a read.
  func addCacheHit(_ job: Job) {
    let now = Timestamp.now()
    for statement in job.statements {
      let fingerprint = StatementFingerprint(of: statement.sql)
      state.withLock { state in
        var sample = StatementSample(tag: state.table.tag(of: fingerprint), nanoseconds: 0)
        sample.isCacheHit = true
        _ = state.table.add(sample, now: now)
      }
    }
  }

  func add(_ statement: SlowStatement) {
    state.withLock { state in
      if state.slow.count < Self.slowMax {
        state.slow.append(statement)
      } else {
        state.slowOmitted += 1
      }
    }
  }

  // MARK: Transactions; called on the writer's thread

  /// It got the lock, or gave up.
  func lockAnswered(_ clock: inout TransactionClock, hasLock: Bool) {
    clock.locked = .now()
    let wait = clock.locked.nanoseconds - clock.asked.nanoseconds
    if hasLock && wait < Self.lockWaitNanoseconds { return }
    state.withLock { state in
      state.totals.lockWaits += 1
      state.totals.lockWaitSeconds += Double(wait) / 1e9
      state.totals.lockWaitLongest = max(state.totals.lockWaitLongest, Double(wait) / 1e9)
      if !hasLock { state.totals.lockTimeouts += 1 }
    }
  }

  /// Getting a lock that nobody has takes some 10 µs.
  private static let lockWaitNanoseconds: Int64 = 1_000_000

  func ended(_ clock: TransactionClock, _ end: TransactionRecord.End) {
    let now = MonotonicTime.now()
    let record = TransactionRecord(
      isolation: clock.isolation, began: clock.began,
      lockSeconds: clock.locked.seconds(since: clock.asked),
      seconds: now.seconds(since: clock.locked), end: end)
    state.withLock { state in
      state.totals.add(record)
      if state.transactions.count < Self.transactionsMax {
        state.transactions.append(record)
      } else {
        state.transactionsOmitted += 1
      }
    }
  }

  // MARK: Looking

  /// What was recorded since the last snapshot, and what there is altogether.
  public func snapshot() -> Snapshot {
    let buffers = state.withLock { state in
      defer { state.buffers.removeAll { $0.isClosed } }
      return state.buffers
    }
    for buffer in buffers { merge(buffer.take()) }
    return state.withLock { state in
      state.table.refresh()
      generationValue.store(state.table.generation, ordering: .relaxed)
      defer {
        state.slow.removeAll()
        state.slowOmitted = 0
        state.unusual.removeAll()
        state.transactions.removeAll(keepingCapacity: true)
        state.transactionsOmitted = 0
      }
      return Snapshot(
        statements: state.table.statistics, forgotten: state.table.forgotten, uses: state.uses,
        slow: state.slow, slowOmitted: state.slowOmitted, unusual: state.unusual,
        transactions: state.transactions, transactionsOmitted: state.transactionsOmitted,
        totals: state.totals)
    }
  }

  public struct Snapshot: Sendable {
    /// By the time they took altogether, longest first.
    public var statements: [StatementStatistics]
    /// Fingerprints that gave their place to others since the start.
    public var forgotten: Int
    public var uses: StatementUses
    /// New since the last snapshot.
    public var slow: [SlowStatement]
    public var slowOmitted: Int
    /// New since the last snapshot.
    public var unusual: [UnusualStatement]
    /// New since the last snapshot, in order.
    public var transactions: [TransactionRecord]
    public var transactionsOmitted: Int
    public var totals: TransactionTotals
  }
}

/// How often statements were found compiled, and how often they had to be.
public struct StatementUses: Sendable, Equatable {
  public var compiled = 0
  public var reused = 0
}

/// A statement that ran for longer than what counts as slow.
public struct SlowStatement: Sendable {
  /// Bytes of the text that are kept.
  static let textMax = 4096

  public var fingerprint: StatementFingerprint
  /// As the job has it.
  public var sql: String
  public var isWhole: Bool
  public var job: String
  public var ended: Timestamp
  public var seconds: Double
  public var rows: Int
  public var changes: Int64
  public var isError: Bool

  init(_ text: StatementText, _ run: StatementRun) {
    fingerprint = text.fingerprint
    (sql, isWhole) = text.text(limit: Self.textMax)
    job = text.job
    ended = .now()
    seconds = Double(run.nanoseconds) / 1e9
    rows = run.rows
    changes = run.changes
    isError = run.isError
  }
}

/// A statement that took much longer than others of its fingerprint.
public struct UnusualStatement: Sendable {
  public var fingerprint: StatementFingerprint
  public var at: Timestamp
  public var seconds: Double
  /// The median of its fingerprint.
  public var usualSeconds: Double
}
