/// A write job that waits for its turn, with what its earlier turns showed.
struct QueuedWrite: Sendable {
  let ticket: JobTicket
  /// Attempts that ended in an error worth retrying.
  var failedAttempts = 0
  /// It ended a group by rolling everything back, ran longer than a group may, or is suspected of
  /// having killed the worker: nobody shares its transaction.
  var runsAlone = false
  /// It would leave traces on the shared connection.
  var needsOwnConnection = false
  /// Times it filled the disk although there was room before and after.
  var storageFailures = 0
  /// Times it gave way to more urgent work.
  var preemptions = 0
  /// How far a batch has come; nil before its first turn, and where only the database knows.
  var progress: BatchProgress?

  /// It does not run on the connection that the others share.
  var leavesConnection: Bool {
    if case .script = ticket.job.body { return true }
    return needsOwnConnection || progress?.needsOwnConnection == true
  }

  /// Rows of an import that took a transaction down, by line: they are bad without being tried again.
  var condemnedRows: [Int: JobError] = [:]

  /// Whether it can only be the first of a group.
  var beginsGroup: Bool { isAlone || needsOwnConnection }

  /// Nobody shares its transaction.
  var isAlone: Bool { runsAlone || ticket.job.isStreamed }
}
