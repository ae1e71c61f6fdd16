import SQLite

/// The record of the committed chunks of batches, in the transactions of their effects; used on the
/// writer's thread.
///
/// A batch's rows stay until its results are durable as files, and are then removed a few at a time.
final class ChunkLedger {
  /// One row, before it is written.
  struct Row {
    var sequence: Int64
    var commit: Int64
    var progress: BatchProgress
    /// Key of the ledger's row where the batch ends with this chunk.
    var ended: Int64?
    var leavesRest: Bool
    var results: [UInt8]
    var leftover: [UInt8]
  }

  /// Rows removed in one transaction: some megabytes.
  private static let sweepRows = 16

  private let spool: Int64
  private let insert: Statement
  /// Batches that ended, by the key of their row in the ledger, in that order.
  private var ended: [(key: Int64, sequence: Int64)] = []
  private var sweepable: Int64 = 0

  /// The table must be there.
  init(on connection: borrowing Connection, spool: Int64) throws(SQLiteError) {
    self.spool = spool
    insert = try connection.prepareOwn(
      """
      INSERT INTO main._sluice_chunks(spool,sequence,chunk,ended,commitment,done,failed,rejected,
        offset,line,inode,size,modified,tail,rest,sql,leftover_sql,results,leftover)
      VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
      """)
    let query = try connection.prepareOwn(
      """
      SELECT ended,sequence FROM main._sluice_chunks
      WHERE spool=\(spool) AND ended IS NOT NULL ORDER BY ended
      """)
    while try query.step() { ended.append((query.integer(0), query.integer(1))) }
    if ended.isEmpty { return }
    let settled = try connection.prepareOwn(
      "SELECT settled FROM main._sluice_spools WHERE spool=\(spool)")
    if try settled.step() { sweepable = settled.integer(0) }
  }

  /// How far a batch has come.
  func progress(
    of sequence: Int64, on connection: borrowing Connection
  ) throws(SQLiteError) -> BatchProgress {
    let query = try connection.prepareOwn(
      """
      SELECT chunk,commitment,done,failed,rejected,offset,line,inode,size,modified,tail,
        sql,leftover_sql
      FROM main._sluice_chunks WHERE spool=\(spool) AND sequence=\(sequence)
      ORDER BY chunk DESC LIMIT 1
      """)
    var progress = BatchProgress()
    guard try query.step() else { return progress }
    progress.chunks = query.integer(0) + 1
    progress.commit = query.integer(1)
    progress.counts.done = query.integer(2)
    progress.counts.failed = query.integer(3)
    progress.counts.rejected = query.integer(4)
    progress.place = BatchPlace(
      offset: query.integer(5), line: Int(query.integer(6)), sql: query.text(11),
      inode: UInt64(bitPattern: query.integer(7)), size: query.integer(8),
      modified: query.integer(9), tail: UInt64(bitPattern: query.integer(10)))
    progress.leftoverSQL = query.text(12)
    return progress
  }

  /// Writes a chunk; its counts are those of the whole batch so far.
  func record(_ row: Row, on connection: borrowing Connection) throws(SQLiteError) {
    connection.authorizer.subject = .engine
    let (counts, place) = (row.progress.counts, row.progress.place)
    let numbers: [Int64] = [
      spool, row.sequence, row.progress.chunks, row.ended ?? 0, row.commit, counts.done,
      counts.failed, counts.rejected, place?.offset ?? 0, Int64(place?.line ?? 0),
      Int64(bitPattern: place?.inode ?? 0), place?.size ?? 0, place?.modified ?? 0,
      Int64(bitPattern: place?.tail ?? 0), row.leavesRest ? 1 : 0,
    ]
    for (index, number) in numbers.enumerated() {
      try insert.bind(.integer(number), at: index + 1)
    }
    if row.ended == nil { try insert.bind(.null, at: 4) }
    try insert.bind(place?.sql.map { .text($0) } ?? .null, at: 16)
    try insert.bind(row.progress.leftoverSQL.map { .text($0) } ?? .null, at: 17)
    try insert.bind(.blob(row.results), at: 18)
    try insert.bind(.blob(row.leftover), at: 19)
    try insert.run()
  }

  /// A row that ends its batch is committed.
  func hasEnded(_ sequence: Int64, key: Int64) { ended.append((key, sequence)) }

  // MARK: Removing

  /// The results of all batches up to this key of the ledger are durable as files.
  func settle(through key: Int64) { sweepable = max(sweepable, key) }

  /// Whether there are rows to remove.
  var hasSweeps: Bool { ended.first.map { $0.key <= sweepable } ?? false }

  /// Removes some rows that nobody needs any more; in a transaction.
  func sweep(on connection: borrowing Connection) throws(SQLiteError) {
    guard hasSweeps, let batch = ended.first else { return }
    connection.authorizer.subject = .engine
    // In their order, so that the one that says it ended goes last.
    let before = connection.totalChanges
    try connection.execute(
      """
      DELETE FROM main._sluice_chunks WHERE spool=\(spool) AND sequence=\(batch.sequence)
        AND chunk IN (SELECT chunk FROM main._sluice_chunks
          WHERE spool=\(spool) AND sequence=\(batch.sequence) ORDER BY chunk
          LIMIT \(Self.sweepRows))
      """)
    // Gone only once there was nothing to remove: what removed the last ones may be rolled back.
    if connection.totalChanges == before { ended.removeFirst() }
  }
}

extension Statement {
  /// A text column; nil for NULL.
  func text(_ index: Int) -> String? {
    if case .text(let text) = value(index) { text } else { nil }
  }
}

/// Lends the committed chunks of one batch in order, each read by itself: a snapshot held meanwhile
/// would keep the WAL from being emptied. One thread.
public final class BatchChunks {
  private let connection: Connection
  private let query: Statement

  init(path: String, spool: Int64, sequence: Int64) throws(SQLiteError) {
    connection = try Connection(path: path, role: .reader)
    query = try connection.prepareOwn(
      """
      SELECT results,leftover,offset,line,sql,leftover_sql,rest FROM main._sluice_chunks
      WHERE spool=\(spool) AND sequence=\(sequence) AND chunk=?
      """)
  }

  /// The chunk of that number, from 0; nil behind the last.
  public func chunk(_ number: Int64) throws(JobError) -> BatchChunk? {
    do throws(SQLiteError) {
      defer { query.reset() }
      connection.authorizer.subject = .engine
      try query.bind(.integer(number), at: 1)
      guard try query.step() else { return nil }
      return BatchChunk(
        results: query.bytes(0), leftover: query.bytes(1), offset: query.integer(2),
        line: Int(query.integer(3)), sql: query.text(4), leftoverSQL: query.text(5),
        leavesRest: query.integer(6) != 0)
    } catch {
      throw JobError(error)
    }
  }
}
