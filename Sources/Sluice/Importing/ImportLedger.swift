import SQLite

/// The record of how far imports have come, in the transactions of their rows; used on the writer's
/// thread.
///
/// One row for each import that is under way: unlike the lines of a batch, its rows leave nothing
/// to be published.
final class ImportLedger {
  private let spool: Int64
  private let insert: Statement
  private let query: Statement

  /// The table must be there.
  init(on connection: borrowing Connection, spool: Int64) throws(SQLiteError) {
    self.spool = spool
    insert = try connection.prepareOwn(
      """
      INSERT OR REPLACE INTO main._sluice_imports(spool,sequence,commitment,imported,skipped,
        started,ran,offset,line,device,inode,size,modified,tail,error_count,errors)
      VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
      """)
    query = try connection.prepareOwn(
      """
      SELECT commitment,imported,skipped,started,ran,offset,line,device,inode,size,modified,tail,
        error_count,errors
      FROM main._sluice_imports WHERE spool=? AND sequence=?
      """)
  }

  /// How far an import has come; nil where none of its chunks is committed.
  func progress(
    of sequence: Int64, on connection: borrowing Connection
  ) throws(SQLiteError) -> ImportProgress? {
    connection.authorizer.subject = .engine
    defer { query.reset() }
    try query.bind(.integer(spool), at: 1)
    try query.bind(.integer(sequence), at: 2)
    guard try query.step() else { return nil }
    var progress = ImportProgress(errors: query.bytes(13), count: Int(query.integer(12)))
    progress.commit = query.integer(0)
    progress.imported = query.integer(1)
    progress.skipped = query.integer(2)
    progress.started = Timestamp(nanoseconds: query.integer(3))
    progress.ran = query.real(4)
    progress.place = ImportPlace(
      offset: query.integer(5), line: Int(query.integer(6)),
      device: UInt64(bitPattern: query.integer(7)), inode: UInt64(bitPattern: query.integer(8)),
      size: query.integer(9), modified: query.integer(10),
      tail: UInt64(bitPattern: query.integer(11)))
    return progress
  }

  func save(
    _ progress: ImportProgress, at place: ImportPlace, of sequence: Int64, commit: Int64,
    on connection: borrowing Connection
  ) throws(SQLiteError) {
    connection.authorizer.subject = .engine
    let values: [Value] = [
      .integer(spool), .integer(sequence), .integer(commit), .integer(progress.imported),
      .integer(progress.skipped), .integer(progress.started?.nanoseconds ?? 0),
      .real(progress.ran), .integer(place.offset), .integer(Int64(place.line)),
      .integer(Int64(bitPattern: place.device)), .integer(Int64(bitPattern: place.inode)),
      .integer(place.size), .integer(place.modified), .integer(Int64(bitPattern: place.tail)),
      .integer(Int64(progress.errorCount)), .blob(progress.errors),
    ]
    for (index, value) in values.enumerated() { try insert.bind(value, at: index + 1) }
    try insert.run()
  }

  /// An import ended without a turn of its own: its result tells how far it came.
  func close(
    _ ticket: JobTicket, _ document: inout ResultDocument, _ ledger: Ledger,
    on connection: borrowing Connection
  ) throws(SQLiteError) {
    guard let progress = try progress(of: ticket.sequence, on: connection),
      let commit = progress.commit
    else { return }
    let totals = progress.members(committedThrough: progress.place?.line)
    document.importTotals = totals
    document.commit = commit
    document.started = progress.started
    document.ran = progress.ran + (document.ran ?? 0)
    try ledger.remember(
      ticket, commit: commit, outcome: totals, finished: document.finished, on: connection)
    try remove(ticket.sequence, on: connection)
  }

  /// The import is over.
  func remove(
    _ sequence: Int64, on connection: borrowing Connection
  ) throws(SQLiteError) {
    try connection.execute(
      "DELETE FROM main._sluice_imports WHERE spool=\(spool) AND sequence=\(sequence)")
  }
}
