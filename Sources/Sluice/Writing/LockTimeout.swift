/// A job's last wait for the write lock has been in vain: how that is told.
enum LockTimeout {
  /// No row of the ledger can be written while the lock is held, so the file has to last.
  ///
  /// - Parameters:
  ///   - write: its last attempt is counted as failed.
  ///   - holder: whoever has the lock, in words.
  static func outcome(
    of write: QueuedWrite, holder: String, _ configuration: EngineConfiguration
  ) -> Outcome {
    var document = ResultDocument(of: write.ticket, status: .failed, finished: .now())
    document.attempts = write.failedAttempts
    document.error = JobError(
      .lockTimeout, SluiceCode.busy,
      "\(holder) kept the write lock of \(configuration.path) for more than"
        + " \(configuration.connectionTimeout) s, \(write.failedAttempts)"
        + " time\(write.failedAttempts == 1 ? "" : "s")",
      retryable: true,
      hint: "end or mend that process (a transaction left open?), then drop the job again")
    return Outcome(
      ticket: write.ticket, status: .failed, durability: .resultFile, result: document.rendered())
  }
}
