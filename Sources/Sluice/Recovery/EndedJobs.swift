import JSON
import SQLite

/// What became of a job that a ledger knows.
public struct EndedJob: Sendable, Equatable {
  public var status: JobStatus
  public var finished: Timestamp

  public init(status: JobStatus, finished: Timestamp) {
    self.status = status
    self.finished = finished
  }
}

extension Engine {
  /// The latest jobs of these names or ids that ended since `since`, as far as the ledger has them:
  /// reads and rejected files have no row. From any thread; reads the ledger backwards, so it may
  /// take some time.
  public func endedJobs(
    _ wanted: Set<String>, since: Timestamp
  ) throws(JobError) -> [String: EndedJob] {
    do throws(SQLiteError) {
      let connection = try Connection(path: configuration.path, role: .reader)
      let search = EndedJobSearch(wanted: wanted, since: since, spool: configuration.spool)
      return try search.run(on: connection)
    } catch {
      throw JobError(error)
    }
  }
}

/// Finds jobs in one ledger by name or id.
private struct EndedJobSearch {
  let wanted: Set<String>
  let since: Timestamp
  let spool: Int64

  func run(on connection: borrowing Connection) throws(SQLiteError) -> [String: EndedJob] {
    var found = try doneIds(on: connection)
    // An index would cost every write more than this costs the few jobs that ask.
    let rows = try connection.prepareOwn(
      """
      SELECT name,status,finished,CASE WHEN status<>0 THEN result END
      FROM main._sluice_ledger WHERE spool=\(spool) ORDER BY key DESC
      """)
    var left = wanted
    while !left.isEmpty, try rows.step() {
      let finished = Timestamp(nanoseconds: rows.integer(2))
      // Rows are in the order of their commits, a little off that of the times in them.
      if finished < since { break }
      guard let status = JobStatus(rawValue: rows.integer(1)) else { continue }
      let job = EndedJob(status: status, finished: finished)
      if case .text(let name) = rows.value(0), left.remove(name) != nil {
        keepLater(job, name, &found)
      }
      if status != .done, let id = id(rows), left.remove(id) != nil { keepLater(job, id, &found) }
    }
    return found
  }

  private func keepLater(_ job: EndedJob, _ name: String, _ found: inout [String: EndedJob]) {
    if let other = found[name], other.finished > job.finished { return }
    found[name] = job
  }

  private func id(_ row: Statement) -> String? {
    ObjectHead.strings(["id"], in: row.bytes(3)[...])["id"]
  }

  private func doneIds(
    on connection: borrowing Connection
  ) throws(SQLiteError) -> [String: EndedJob] {
    let query = try connection.prepareOwn("SELECT finished FROM main._sluice_ids WHERE id=?")
    var found: [String: EndedJob] = [:]
    for name in wanted {
      try query.bind(.text(name), at: 1)
      if try query.step() {
        let finished = Timestamp(nanoseconds: query.integer(0))
        if finished >= since { found[name] = EndedJob(status: .done, finished: finished) }
      }
      query.reset()
    }
    return found
  }
}
