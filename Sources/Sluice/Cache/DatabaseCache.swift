import SQLite
import Synchronization

/// Keeps results of reads of one database and serves them again, never stale: what a look-up gives
/// is what the database would answer at some moment between the call and its return, whoever wrote
/// to it and however long a result may be kept.
///
/// ## Why nothing stale is served
///
/// All commits to a database form one sequence of states, and a connection that begins to read sees
/// the newest. The cache has a connection of its own, V, that never writes. `PRAGMA data_version`
/// on V differs from the last time if, and only if, V sees another state.
///
/// 1. A read is bracketed. V is asked before it begins (`lookUp`) and after it has ended
///    (`Filling.store`). If both answers are the same, there was no commit in between, so the read
///    saw that very state; the result is kept with it. V is asked again when it is looked up: the
///    same answer means the same state. This needs to know nothing of who writes or what.
/// 2. A commit of the engine's own is told, with the tables it wrote to, as one step from one
///    answer of V to the next: while the writer holds the write lock, V is asked (`willCommit`), and
///    so is the writer's connection W; after COMMIT first V, then W (`didCommit`). On W a commit of
///    its own does not change the answer and any other does. So if W's answers are the same, there
///    was one commit between V's two answers: this one. If a result was read from other tables, and
///    the step did not change the schema, the same SQL reads the same from both states.
/// 3. What is not told so, or not provable so, empties the cache: commits of other processes, of
///    other connections, VACUUM, a backup that was restored.
///
/// The tables of a result are those that the compiled program opens, as EXPLAIN lists them, and those
/// that the authorizer was told of. The tables of a step are those for which the authorizer was asked while the statements of that
/// transaction were compiled (`Authorizer.transactionUse`), hence also those of triggers, of
/// foreign-key actions and of what was rolled back to a savepoint; a DELETE of all rows, a table
/// WITHOUT ROWID and rows that REPLACE deletes are no exceptions, as they are for SQLite's update
/// hook. Where tables are not the whole of it (a change of the schema, ANALYZE, a virtual table),
/// the step ends everything; a result that was read from a virtual table or one of SQLite's own,
/// which are written without asking, ends with any step.
///
/// Not kept at all: what uses temporary objects, PRAGMAs, `random()`, the date and time functions,
/// counters such as `changes()`, table-valued functions other than `json_each` and `json_tree`, or
/// is an EXPLAIN.
///
/// Source: `PRAGMA data_version` (<https://sqlite.org/pragma.html#pragma_data_version>) and the
/// authorizer (<https://sqlite.org/c3ref/set_authorizer.html>) for what changes; the proof is this
/// page's own, and `CacheModelTests` looks for its holes.
///
/// ## Use
///
/// Any method may be called from any thread; one lock guards what is kept. It is held for some 5 µs
/// by a look-up, less where V was asked by another one after this one began, and for some 100 µs when
/// a result is stored. Where V cannot be asked, the cache is emptied and passed by (`lastError`, kind
/// `.cache`), and tried again a second later.
public final class DatabaseCache: Sendable {
  /// What a look-up finds.
  public enum LookUp: Sendable {
    /// The `statements` of the result, as JSON text.
    case hit([UInt8])
    /// It is to be read; the result can be given to the cache then.
    case miss(Filling)
    /// It is to be read, and not to be kept.
    case bypass

    var filling: Filling? { if case .miss(let filling) = self { filling } else { nil } }
  }

  private struct State: Sendable {
    var configuration: CacheConfiguration
    var results = CachedResults()
    var log = ChangeLog()
    var probe: VersionProbe?
    /// Look-ups up to this one (`lookUps`) had begun when V was asked last.
    var seenThrough: UInt64 = 0
    /// No attempt is made to open one before.
    var retryAt: MonotonicTime?
    var names = TableNames()
    /// The position from which on they are right.
    var namesPosition = -1
    /// Reads under way whose result may be stored.
    var fillings = 0
    /// Commits between `willCommit` and `didCommit`.
    var commitsUnderWay = 0
    var isFailing = false
    var lastError: JobError?
  }

  /// Seconds between two attempts to open a connection.
  private static let patience = 1.0

  private let path: String
  private let report: @Sendable (JobError) -> Void
  private let state: Monitor<State>
  /// The same as in `state`, so that what is not for the cache does not wait for it.
  private let settings: Monitor<CacheConfiguration>
  /// Look-ups begun so far.
  private let lookUps = Atomic<UInt64>(0)

  /// Opens nothing before it is used.
  /// - Parameters:
  ///   - path: the database file, in WAL mode.
  ///   - report: told when the cache begins to be passed by, with kind `.cache`.
  public init(
    path: String, _ configuration: CacheConfiguration = CacheConfiguration(),
    report: @escaping @Sendable (JobError) -> Void = { _ in }
  ) {
    self.path = path
    self.report = report
    state = Monitor(State(configuration: configuration))
    settings = Monitor(configuration)
  }

  public var statistics: CacheStatistics { state.withLock { $0.results.statistics } }

  /// Why the cache is passed by, or was the last time.
  public var lastError: JobError? { state.withLock { $0.lastError } }

  /// Puts other settings in force; what is beyond them goes.
  public func configure(_ configuration: CacheConfiguration) {
    settings.withLock { $0 = configuration }
    state.withLock { state in
      state.configuration = configuration
      state.results.shrink(to: configuration)
    }
  }

  /// Forgets everything.
  public func removeAll() { state.withLock { $0.results.removeAll() } }

  /// Forgets everything and closes the connection; a later look-up opens it again.
  public func close() {
    state.withLock { state in
      state.results.removeAll()
      state.log.forget()
      state.probe = nil
    }
  }

  /// Forgets the results of jobs with a statement that matches `pattern`, a GLOB as in a rule.
  /// - Returns: how many.
  @discardableResult
  public func removeAll(matching pattern: String) -> Int {
    let glob = GlobPattern(CacheRules.collapsed(pattern))
    return state.withLock { $0.results.removeAll(matching: glob) }
  }

  // MARK: Reading

  /// Looks for the result of a read; ask before its transaction begins.
  public func lookUp(_ job: Job) -> LookUp { lookUp(job, now: .now()) }

  func lookUp(_ job: Job, now: MonotonicTime) -> LookUp {
    let configuration = settings.withLock { $0 }
    guard configuration.entriesMax > 0, let seconds = configuration.rules.seconds(for: job),
      let key = CacheKey(job)
    else { return .bypass }
    let number = lookUps.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    return withState(now) { state throws(SQLiteError) -> LookUp in
      // Where many wait for the lock, the first one's question is an answer to all of them.
      let isCertain = state.seenThrough >= number ? true : try observe(&state)
      if isCertain {
        let found = state.results.find(key, notOlderThan: seconds, now: now, state.log)
        if let found { return .hit(found) }
      }
      state.results.missed()
      guard isCertain, try Self.learnNames(&state) else { return .bypass }
      state.fillings += 1
      return .miss(
        Filling(
          cache: self, key: key, sql: job.statements.map(\.sql), position: state.log.position,
          stored: now, expires: now.advanced(bySeconds: seconds)))
    } ?? .bypass
  }

  /// A read under way; lets go of its place when it goes.
  public final class Filling: Sendable {
    fileprivate let cache: DatabaseCache
    fileprivate let key: CacheKey
    fileprivate let sql: [String]
    fileprivate let position: Int
    fileprivate let stored: MonotonicTime
    fileprivate let expires: MonotonicTime

    fileprivate init(
      cache: DatabaseCache, key: CacheKey, sql: [String], position: Int, stored: MonotonicTime,
      expires: MonotonicTime
    ) {
      self.cache = cache
      self.key = key
      self.sql = sql
      self.position = position
      self.stored = stored
      self.expires = expires
    }

    deinit { cache.state.withLock { $0.fillings -= 1 } }

    /// Keeps the result if it may be kept; call it after the read's transaction has ended.
    ///
    /// - Parameters:
    ///   - statements: the `statements` of the result, as JSON text.
    ///   - traits: of all the statements together.
    ///   - use: of all the statements together.
    public func store(_ statements: [UInt8], traits: StatementTraits, use: TableUse) {
      cache.store(self, statements, isVolatile: !traits.isDisjoint(with: .uncacheable), use: use)
    }
  }

  private func store(
    _ filling: Filling, _ statements: [UInt8], isVolatile: Bool, use: TableUse
  ) {
    let bytes = statements.count + filling.key.bytes.count + CachedResults.overhead
    _ = withState(.now()) { state throws(SQLiteError) in
      guard !isVolatile, bytes <= state.configuration.entryBytesMax else {
        return state.results.refused()
      }
      guard try observe(&state), filling.position >= state.log.floor,
        state.namesPosition >= state.log.floor
      else { return state.results.overtaken() }
      let tables: Set<String>?
      guard let opened = Self.opened(by: filling.sql, state) else {
        return state.results.refused()
      }
      switch state.names.reading(use.read, opened) {
      case .tables(let names): tables = names
      case .everything: tables = nil
      case .outside: return state.results.refused()
      }
      guard state.log.verdict(since: filling.position, of: tables) == .unchanged else {
        return state.results.overtaken()
      }
      let entry = CachedResults.Entry(
        statements: statements, sql: filling.sql, tables: tables, position: state.log.position,
        stored: filling.stored, expires: filling.expires, bytes: bytes)
      state.results.insert(entry, for: filling.key, state.configuration)
    }
  }

  private static func opened(by sql: [String], _ state: State) -> OpenedTables? {
    var all = OpenedTables()
    for text in sql {
      guard let opened = state.probe?.opened(by: text) else { return nil }
      all.formUnion(opened)
    }
    return all
  }

  // MARK: The writer's own commits

  /// A commit that is about to be made, and what both connections said before it.
  struct PendingCommit: Sendable {
    fileprivate var ownVersion: Int64
    fileprivate var version: Int64
    fileprivate var use: TableUse
  }

  /// Call with the write lock held, when nothing but COMMIT is left to do.
  ///
  /// - Parameters:
  ///   - ownVersion: gives the `data_version` of the connection that commits; it is called only if
  ///     there is something to keep.
  ///   - use: what the transaction may have changed.
  /// - Returns: nil where nothing is to be told; otherwise `didCommit` or `failed` must follow.
  func willCommit(
    _ use: TableUse, ownVersion: () throws(SQLiteError) -> Int64
  ) -> PendingCommit? {
    let isIdle = state.withLock { $0.results.isEmpty && $0.fillings == 0 }
    if isIdle { return nil }
    return withState(.now()) { state throws(SQLiteError) -> PendingCommit? in
      _ = try observe(&state)
      guard let version = try state.probe?.version() else { return nil }
      let own = try ownVersion()
      state.commitsUnderWay += 1
      return PendingCommit(ownVersion: own, version: version, use: use)
    } ?? nil
  }

  /// Call as soon as COMMIT has succeeded.
  func didCommit(_ pending: PendingCommit, ownVersion: () throws(SQLiteError) -> Int64) {
    _ = withState(.now(), endsCommit: true) { state throws(SQLiteError) in
      guard let version = try state.probe?.version() else { return }
      // Asked after V: nobody else has committed before V was asked if nobody has by now.
      let isAlone = try ownVersion() == pending.ownVersion
      guard isAlone, state.log.version == pending.version, version != pending.version,
        state.namesPosition >= state.log.floor, let tables = state.names.written(pending.use)
      else {
        if state.log.observe(version) { state.results.invalidateAll() }
        return
      }
      state.log.advance(to: version, writing: tables)
    }
  }

  /// COMMIT failed: what has become of it V will show.
  func failed(_ pending: PendingCommit) { state.withLock { $0.commitsUnderWay -= 1 } }

  // MARK: Inside the lock

  /// Asks V.
  /// - Returns: false where a commit of the writer's is seen of which the tables are not told yet.
  private func observe(_ state: inout State) throws(SQLiteError) -> Bool {
    let number = lookUps.load(ordering: .sequentiallyConsistent)
    guard let version = try state.probe?.version() else { return false }
    if version != state.log.version {
      if state.commitsUnderWay > 0 { return false }
      if state.log.observe(version) { state.results.invalidateAll() }
    }
    state.seenThrough = number
    return true
  }

  /// Reads the schema if it may have changed since the last time.
  /// - Returns: false where it changes under the hands.
  private static func learnNames(_ state: inout State) throws(SQLiteError) -> Bool {
    if state.namesPosition >= state.log.floor { return true }
    guard let names = try state.probe?.tableNames(), let version = try state.probe?.version()
    else { return false }
    guard version == state.log.version else { return false }
    state.names = names
    state.namesPosition = state.log.position
    return true
  }

  /// Runs `body` with V open.
  /// - Parameter endsCommit: whether a commit is over, which it is whether V can be asked or not.
  /// - Returns: nil where V cannot be asked: the cache is empty then.
  private func withState<Result>(
    _ now: MonotonicTime, endsCommit: Bool = false,
    _ body: (inout State) throws(SQLiteError) -> sending Result
  ) -> Result? {
    var failure: JobError?
    let result = state.withLock { state -> Result? in
      if endsCommit { state.commitsUnderWay -= 1 }
      do throws(SQLiteError) {
        guard try open(&state, now) else { return nil }
        let result = try body(&state)
        state.isFailing = false
        return result
      } catch {
        let error = JobError.cacheFailed(error)
        if !state.isFailing { failure = error }
        Self.fail(&state, error, retryAt: now.advanced(bySeconds: Self.patience))
        return nil
      }
    }
    if let failure { report(failure) }
    return result
  }

  /// - Returns: false where it was tried in vain a moment ago.
  private func open(_ state: inout State, _ now: MonotonicTime) throws(SQLiteError) -> Bool {
    if state.probe != nil { return true }
    if let retryAt = state.retryAt, now < retryAt { return false }
    state.probe = try VersionProbe(path: path)
    state.seenThrough = 0
    // Another connection counts differently.
    state.log.forget()
    state.results.removeAll()
    return true
  }

  private static func fail(_ state: inout State, _ error: JobError, retryAt: MonotonicTime) {
    state.isFailing = true
    state.lastError = error
    state.probe = nil
    state.retryAt = retryAt
    state.log.forget()
    state.results.removeAll()
    state.results.failed()
  }
}

extension StatementTraits {
  /// Of a statement whose result is not a matter of the database's content alone.
  static let uncacheable: StatementTraits = [
    .volatile, .temporary, .counters, .settingPragma, .schemaChange,
  ]
}

extension JobError {
  static func cacheFailed(_ error: SQLiteError) -> JobError {
    JobError(
      .cache, error.name, "the cache cannot tell whether it is right: \(error.message)",
      number: Int(error.code), retryable: true,
      hint: "nothing is served from it until it can; reads go to the database")
  }
}
