import Glibc
import SQLite

/// The one connection that writes to a database, with its ledger; used on the writer's thread.
final class WriterSession {
  let connection: Connection
  let ledger: Ledger
  let transactions: JobSavepoints
  let imports: ImportExecution
  let chunks: ChunkLedger
  let lineStatements: LineStatements
  private let configuration: EngineConfiguration
  private let beginImmediate: Statement
  let status: WriterStatus
  /// Of the database, in bytes.
  let pageSize: Int
  private let inbox: WriterInbox
  private let commitStatement: Statement
  private let dataVersionStatement: Statement
  /// Told of every commit.
  private let cache: DatabaseCache?
  private var waiting = Waiting.forWriter(until: 0)
  private var probe: TransactionProbe?
  /// `totalChanges` when the transaction began.
  private var changesBefore: Int64 = 0

  private enum Waiting {
    /// Monotonic nanoseconds.
    case forWriter(until: Int64)
    /// A checkpoint: gives up on readers after that, never on a writer.
    case forReaders(until: Int64)
  }

  /// How long a checkpoint waits for readers before it leaves the rest for later, in seconds.
  private static let readerPatience = 0.005

  /// - Parameters:
  ///   - inbox: says when the engine stops, which ends each wait for another process's lock.
  ///   - status: told of such waits.
  init(
    _ configuration: EngineConfiguration, _ inbox: WriterInbox, _ status: WriterStatus
  ) throws(SQLiteError) {
    self.configuration = configuration
    self.inbox = inbox
    self.status = status
    cache = configuration.readCache
    connection = try Connection(
      path: configuration.path, role: .writer, foreignKeys: configuration.foreignKeys,
      valueBytes: configuration.writerValueBytes)
    ledger = try Ledger(on: connection, spool: configuration.spool)
    let progresses = try ImportLedger(on: connection, spool: configuration.spool)
    transactions = try JobSavepoints(
      configuration, ledger: ledger, imports: progresses, on: connection)
    imports = try ImportExecution(
      configuration, ledger: ledger, progresses: progresses, on: connection)
    chunks = try ChunkLedger(on: connection, spool: configuration.spool)
    lineStatements = try LineStatements(on: connection)
    beginImmediate = try connection.prepareOwn("BEGIN IMMEDIATE")
    commitStatement = try connection.prepareOwn("COMMIT")
    dataVersionStatement = try connection.prepareOwn("PRAGMA main.data_version")
    let size = try connection.prepareOwn("PRAGMA main.page_size")
    pageSize = try size.step() ? Int(size.integer(0)) : 4096
    probe = configuration.monitor.map { TransactionProbe($0) }
    connection.onBusy { [unowned self] count in wait(count) }
  }

  /// Takes the write lock, waiting for other processes up to `connectionTimeout`.
  ///
  /// `deferred` would have to be upgraded at its first write, where another process may have been
  /// faster: it takes the lock up front like `immediate`, which no reader can tell apart.
  /// - Throws: `SQLITE_BUSY` after that.
  func begin(_ isolation: IsolationLevel = .immediate) throws(SQLiteError) {
    let end = MonotonicTime.now().advanced(bySeconds: configuration.connectionTimeout)
    waiting = .forWriter(until: end.nanoseconds)
    connection.authorizer.subject = .engine
    connection.interrupt.arm()
    connection.authorizer.beginTransaction()
    transactions.jobsBegun = 0
    probe?.asksForLock(isolation, walPages: connection.walPages)
    defer { probe?.lockAnswered(hasLock: !connection.isAutocommit) }
    if isolation == .exclusive {
      try connection.execute("BEGIN EXCLUSIVE")
    } else {
      try beginImmediate.run()
    }
    status.waitsNoLonger()
    changesBefore = connection.totalChanges
  }

  /// - Throws: whatever; the transaction is then neither done nor undone.
  func commit() throws(SQLiteError) {
    connection.authorizer.subject = .engine
    connection.interrupt.arm()
    let told = cache?.willCommit(connection.authorizer.transactionUse, ownVersion: dataVersion)
    var outcome = TransactionRecord.Outcome.unknown
    defer { endProbe(outcome) }
    do throws(SQLiteError) {
      try commitStatement.run()
    } catch {
      if let told { cache?.failed(told) }
      throw error
    }
    outcome = .committed
    let written = connection.totalChanges - changesBefore
    status.update { $0.rowsWritten = $0.rowsWritten.map { $0 + written } }
    if let told { cache?.didCommit(told, ownVersion: dataVersion) }
  }

  /// Changes when another connection has committed, not with this one's own commits.
  private func dataVersion() throws(SQLiteError) -> Int64 {
    defer { dataVersionStatement.reset() }
    guard try dataVersionStatement.step() else {
      throw SQLiteError(code: 1, message: "PRAGMA data_version gave no row")
    }
    return dataVersionStatement.integer(0)
  }

  /// Ends the transaction if there is still one; an error here would hide the one that mattered.
  func rollback() {
    if transactions.jobsBegun > 0 { endProbe(.undone) }
    connection.interrupt.arm()
    guard !connection.isAutocommit else { return }
    try? connection.execute("ROLLBACK")
  }

  private func endProbe(_ outcome: TransactionRecord.Outcome) {
    probe?.ended(
      outcome, commit: ledger.commit, jobs: transactions.jobsBegun, walPages: connection.walPages)
  }

  /// Forgets old rows of the ledger, in a transaction of its own.
  func prune(before limit: Timestamp, most: Int) throws(SQLiteError) -> Bool {
    try begin()
    do throws(SQLiteError) {
      let hasMore = try ledger.prune(before: limit, most: most, on: connection)
      try commit()
      return hasMore
    } catch {
      rollback()
      throw error
    }
  }

  /// Runs a command of an operator's outside a transaction. The caller arms the interrupt, which may
  /// stop it.
  func command(_ sql: String) throws(SQLiteError) {
    let end = MonotonicTime.now().advanced(bySeconds: configuration.connectionTimeout)
    waiting = .forWriter(until: end.nanoseconds)
    defer { status.waitsNoLonger() }
    try connection.command(sql)
  }

  /// Copies all of the WAL and makes it empty, waiting a second for readers that need it.
  /// - Returns: pages that were in it, and pages copied.
  /// - Throws: `SQLITE_BUSY` where a reader went on needing it.
  func checkpointPatiently() throws(SQLiteError) -> (log: Int, copied: Int) {
    let end = MonotonicTime.now().advanced(bySeconds: 1)
    waiting = .forReaders(until: end.nanoseconds)
    // Only the first tells how many there were.
    let counts = try connection.checkpoint(.full)
    try connection.checkpoint(.truncate)
    return counts
  }

  /// Copies the WAL into the database.
  /// - Returns: false where a reader still needs the WAL.
  func checkpoint(_ mode: Connection.CheckpointMode) -> Bool {
    let end = MonotonicTime.now().advanced(bySeconds: Self.readerPatience)
    waiting = .forReaders(until: end.nanoseconds)
    return (try? connection.checkpoint(mode)) != nil
  }

  /// SQLite's own handler polls at up to 100 ms, which loses against a busy neighbour; this one
  /// begins at 1 ms and stays at 10.
  private func wait(_ count: Int) -> Bool {
    let now = MonotonicTime.now().nanoseconds
    switch waiting {
    case .forWriter(let end):
      if count == 0 { status.waitsForLock() }
      if inbox.isStopping || now >= end { return false }
    case .forReaders(let end):
      // Giving up on a writer would make the checkpoint a passive one, which beside another
      // process's checkpoint may meet the WAL-reset bug.
      if now >= end, LockHolder.blockingWriters(ofDatabase: configuration.path).isEmpty {
        return false
      }
    }
    usleep(UInt32(min(10_000, 1000 * (count + 1))))
    return true
  }
}
