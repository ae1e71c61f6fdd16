import Glibc
import SQLite

/// One backup, from its start to its outcome; on a thread of its own.
struct BackupRun {
  /// Pages copied between two looks at whether to stop: some milliseconds.
  private static let stepPages = 1024

  private let ticket: JobTicket
  private let source: String
  private let target: String
  private let started = Timestamp.now()
  private let clock = MonotonicTime.now()

  /// - Parameters:
  ///   - source: the database file.
  ///   - target: the file to be made.
  init(_ ticket: JobTicket, from source: String, to target: String) {
    self.ticket = ticket
    self.source = source
    self.target = target
  }

  /// - Parameter finish: puts the copy of so many pages where it belongs and tells of it in JSON.
  /// - Returns: nil where it was stopped with the engine.
  func run(
    _ interrupts: LongCommands.Interrupts, _ finish: (Int) throws(JobError) -> [UInt8]
  ) -> Outcome? {
    let outcome = make(interrupts, finish)
    if outcome?.status != .done { removeTarget() }
    return outcome
  }

  /// The copy, and what SQLite may have left beside one that was broken off.
  private func removeTarget() {
    for suffix in ["", "-wal", "-shm", "-journal"] { unlink(target + suffix) }
  }

  private func make(
    _ interrupts: LongCommands.Interrupts, _ finish: (Int) throws(JobError) -> [UInt8]
  ) -> Outcome? {
    let pages: Int?
    // What an earlier try may have left, or anything else under that name.
    removeTarget()
    do throws(SQLiteError) {
      let connection = try Connection(path: source, role: .reader)
      interrupts(connection.interrupt)
      defer { interrupts(nil) }
      pages = try copy(connection)
      if pages == nil, let end = connection.interrupt.reason.flatMap(EarlyEnd.init) {
        return outcome(end.status, end.error)
      }
    } catch {
      var failure = JobError(error)
      failure.message = "the copy is not made: \(error.message)"
      return outcome(.failed, failure)
    }
    guard let pages else { return nil }
    do throws(JobError) {
      let details = try finish(pages)
      return outcome(.done, nil, details)
    } catch {
      return outcome(.failed, error)
    }
  }

  /// - Returns: pages copied; nil where it was stopped.
  private func copy(_ connection: borrowing Connection) throws(SQLiteError) -> Int? {
    let copy = try OnlineCopy(of: connection, to: target)
    while try copy.step(pages: Self.stepPages) {
      if connection.interrupt.isDue { return nil }
    }
    let pages = copy.pages
    try copy.finish()
    return pages
  }

  private func outcome(
    _ status: JobStatus, _ error: JobError?, _ details: [UInt8]? = nil
  ) -> Outcome {
    Outcome(unrecorded: ticket, status, error) { document in
      document.started = started
      document.ran = MonotonicTime.now().seconds(since: clock)
      document.details = details.map { ("backup", $0) }
    }
  }
}
