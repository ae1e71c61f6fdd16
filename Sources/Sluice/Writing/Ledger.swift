import SQLite

/// One row of the ledger without its result.
public struct LedgerRow: Sendable {
  public var key: Int64
  public var sequence: Int64
  public var name: String
  public var status: JobStatus
  public var identity: FileIdentity
}

/// The record, in the user's own database, of every write job that ended; written in the
/// transaction of its effects. Used on the writer's thread.
final class Ledger {
  /// The number of the last transaction that was begun with `beginCommit`.
  private(set) var commit: Int64?
  private let spool: Int64
  private let insertRow: Statement
  private let nextCommit: Statement
  private let findID: Statement
  private let insertID: Statement
  private let intruder: Statement

  /// Makes the tables where they are missing.
  /// - Parameter spool: the spool's random id: several may share a database.
  init(on connection: borrowing Connection, spool: Int64) throws(SQLiteError) {
    self.spool = spool
    if !Self.knows(spool, on: connection) {
      do throws(SQLiteError) {
        try connection.execute(LedgerSchema.creation(spool: spool))
      } catch {
        if !connection.isAutocommit { try? connection.execute("ROLLBACK") }
        throw error
      }
    }
    insertRow = try connection.prepareOwn(
      """
      INSERT INTO main._sluice_ledger(spool,sequence,name,status,finished,
        device,inode,birth,modified,size,hash,result) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)
      """)
    nextCommit = try connection.prepareOwn(
      "UPDATE main._sluice_state SET value=value+1 WHERE name='commit' RETURNING value")
    findID = try connection.prepareOwn(
      "SELECT hash,job,commitment,statements FROM main._sluice_ids WHERE id=?")
    insertID = try connection.prepareOwn(
      """
      INSERT OR REPLACE INTO main._sluice_ids(id,hash,job,commitment,finished,statements)
      VALUES(?,?,?,?,?,?)
      """)
    intruder = try connection.prepareOwn(LedgerSchema.intruderQuery)
  }

  /// Whether everything is there, found without the write lock, which another process may hold.
  private static func knows(_ spool: Int64, on connection: borrowing Connection) -> Bool {
    let query = try? connection.prepareOwn(
      "SELECT 1 FROM main._sluice_spools WHERE spool=\(spool)")
    return (try? query?.step()) == true
  }

  /// Counts this transaction; inside it.
  /// - Returns: its number, higher than every earlier one of this database.
  func beginCommit(on connection: borrowing Connection) throws(SQLiteError) -> Int64 {
    connection.authorizer.subject = .engine
    defer { nextCommit.reset() }
    guard try nextCommit.step() else {
      throw SQLiteError(code: 11, message: "the row 'commit' of _sluice_state is gone")
    }
    let number = nextCommit.integer(0)
    commit = number
    while try nextCommit.step() {}
    return number
  }

  /// Records an outcome.
  /// - Parameter contentHash: of the job's file, where it was not known when it was claimed.
  /// - Returns: its key.
  func record(
    _ ticket: JobTicket, status: JobStatus, finished: Timestamp, result: [UInt8],
    contentHash: UInt64? = nil, on connection: borrowing Connection
  ) throws(SQLiteError) -> Int64 {
    connection.authorizer.subject = .engine
    var file = ticket.identity
    if let contentHash { file.hash = contentHash }
    try insertRow.bind(.integer(spool), at: 1)
    try insertRow.bind(.integer(ticket.sequence), at: 2)
    try insertRow.bind(.text(ticket.name), at: 3)
    try insertRow.bind(.integer(status.rawValue), at: 4)
    try insertRow.bind(.integer(finished.nanoseconds), at: 5)
    try insertRow.bind(.integer(Int64(bitPattern: file.device)), at: 6)
    try insertRow.bind(.integer(Int64(bitPattern: file.inode)), at: 7)
    try insertRow.bind(.integer(file.birth), at: 8)
    try insertRow.bind(.integer(file.modified), at: 9)
    try insertRow.bind(.integer(file.size), at: 10)
    try insertRow.bind(.integer(Int64(bitPattern: file.hash)), at: 11)
    try insertRow.bind(.blob(result), at: 12)
    try insertRow.run()
    return connection.lastInsertRowid
  }

  /// The first job with an id, while it is remembered.
  struct FirstUse {
    var hash: UInt64
    var job: String
    var commit: Int64
    var statements: [UInt8]
  }

  func firstUse(
    ofID id: String, on connection: borrowing Connection
  ) throws(SQLiteError) -> FirstUse? {
    connection.authorizer.subject = .engine
    defer { findID.reset() }
    try findID.bind(.text(id), at: 1)
    guard try findID.step() else { return nil }
    guard case .text(let job) = findID.value(1) else { return nil }
    return FirstUse(
      hash: UInt64(bitPattern: findID.integer(0)), job: job, commit: findID.integer(2),
      statements: findID.bytes(3))
  }

  /// Remembers the id of a job that has taken effect; a job without one leaves nothing.
  /// - Parameter outcome: the statements of its result; of an import, what it tells of its rows.
  func remember(
    _ ticket: JobTicket, commit: Int64, outcome: [UInt8], finished: Timestamp,
    on connection: borrowing Connection
  ) throws(SQLiteError) {
    guard let id = ticket.job.id else { return }
    let use = FirstUse(
      hash: ticket.idHash, job: ticket.name, commit: commit, statements: outcome)
    try remember(id: id, firstUse: use, finished: finished, on: connection)
  }

  func remember(
    id: String, firstUse: FirstUse, finished: Timestamp, on connection: borrowing Connection
  ) throws(SQLiteError) {
    connection.authorizer.subject = .engine
    try insertID.bind(.text(id), at: 1)
    try insertID.bind(.integer(Int64(bitPattern: firstUse.hash)), at: 2)
    try insertID.bind(.text(firstUse.job), at: 3)
    try insertID.bind(.integer(firstUse.commit), at: 4)
    try insertID.bind(.integer(finished.nanoseconds), at: 5)
    try insertID.bind(.blob(firstUse.statements), at: 6)
    try insertID.run()
  }

  /// The name of an object that a job's DDL made in reserved names or that mentions one, or nil.
  func intruder(on connection: borrowing Connection) throws(SQLiteError) -> String? {
    connection.authorizer.subject = .engine
    defer { intruder.reset() }
    guard try intruder.step(), case .text(let name) = intruder.value(1) else { return nil }
    return name
  }

  /// The results up to `key` are durable as files: their rows are not needed for recovery any more.
  func settle(through key: Int64, on connection: borrowing Connection) throws(SQLiteError) {
    try connection.execute(
      "UPDATE main._sluice_spools SET settled=max(settled,\(key)) WHERE spool=\(spool)")
  }

  /// This spool's rows whose result files may not be durable yet, in the order they ended.
  func unsettled(on connection: borrowing Connection) throws(SQLiteError) -> [LedgerRow] {
    let query = try connection.prepareOwn(
      """
      SELECT key,sequence,name,status,device,inode,birth,modified,size,hash
      FROM main._sluice_ledger WHERE spool=\(spool) AND
        key>(SELECT settled FROM main._sluice_spools WHERE spool=\(spool)) ORDER BY key
      """)
    var rows: [LedgerRow] = []
    while try query.step() {
      guard case .text(let name) = query.value(2),
        let status = JobStatus(rawValue: query.integer(3))
      else { continue }
      let identity = FileIdentity(
        device: UInt64(bitPattern: query.integer(4)), inode: UInt64(bitPattern: query.integer(5)),
        birth: query.integer(6), modified: query.integer(7), size: query.integer(8),
        hash: UInt64(bitPattern: query.integer(9)))
      rows.append(
        LedgerRow(
          key: query.integer(0), sequence: query.integer(1), name: name, status: status,
          identity: identity))
    }
    return rows
  }

  /// The last committed chunk of each batch and import that is under way, by sequence number.
  func lastChunks(on connection: borrowing Connection) throws(SQLiteError) -> [Int64: Int64] {
    let query = try connection.prepareOwn(
      """
      SELECT sequence, max(commitment) FROM main._sluice_chunks WHERE spool=\(spool)
        GROUP BY sequence
      UNION ALL SELECT sequence, commitment FROM main._sluice_imports WHERE spool=\(spool)
      """)
    var commits: [Int64: Int64] = [:]
    while try query.step() { commits[query.integer(0)] = query.integer(1) }
    return commits
  }

  /// The result that was recorded under `key`.
  func result(
    ofKey key: Int64, on connection: borrowing Connection
  ) throws(SQLiteError) -> [UInt8]? {
    let query = try connection.prepareOwn("SELECT result FROM main._sluice_ledger WHERE key=?")
    try query.bind(.integer(key), at: 1)
    return try query.step() ? query.bytes(0) : nil
  }

  /// Forgets settled rows and ids that ended before `limit`, at most `most` of each; the newest row
  /// of the spool stays, since sequence numbers go on from it.
  /// - Returns: whether there may be more.
  func prune(
    before limit: Timestamp, most: Int, on connection: borrowing Connection
  ) throws(SQLiteError) -> Bool {
    // Keys grow with time, so the oldest rows are looked at and no others.
    try connection.execute(
      """
      DELETE FROM main._sluice_ledger WHERE key IN (SELECT key FROM
        (SELECT key, finished FROM main._sluice_ledger WHERE spool=\(spool)
          AND key<=(SELECT settled FROM main._sluice_spools WHERE spool=\(spool))
          AND key<(SELECT max(key) FROM main._sluice_ledger WHERE spool=\(spool))
          ORDER BY key LIMIT \(most)) WHERE finished<\(limit.nanoseconds))
      """)
    let rows = connection.changes
    try connection.execute(
      """
      DELETE FROM main._sluice_ids WHERE id IN
        (SELECT id FROM main._sluice_ids WHERE finished<\(limit.nanoseconds) LIMIT \(most))
      """)
    return max(rows, connection.changes) >= Int64(most)
  }
}
