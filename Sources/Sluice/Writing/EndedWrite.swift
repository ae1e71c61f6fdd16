import SQLite

/// A job that ended without effect and whose ledger row is still to be written.
struct EndedWrite: Sendable {
  var write: QueuedWrite
  var status: JobStatus
  var error: JobError
  /// nil where it did not run.
  var started: Timestamp?
  var finished = Timestamp.now()
  /// Seconds of running.
  var ran: Double?

  /// A job that was ended from outside, now.
  static func early(_ write: QueuedWrite, _ end: EarlyEnd) -> EndedWrite {
    EndedWrite(write: write, status: end.status, error: end.error)
  }

  /// It needs more than the disk or the memory has, tried alone and with room before and after; or
  /// a second connection finds the database damaged, too.
  static func failedAgain(_ write: QueuedWrite, _ error: SQLiteError) -> EndedWrite {
    var failure = JobError(error)
    failure.retryable = false
    if error.isFull {
      failure.hint = "the job alone needs more room than the disk has; split it or make room"
    } else if error.isOutOfMemory {
      failure.hint = "the job alone needs more memory than there is; split it"
    }
    return EndedWrite(write: write, status: .failed, error: failure)
  }
}
