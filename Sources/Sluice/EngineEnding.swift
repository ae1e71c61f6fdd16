import SQLite

/// Taking jobs back from the engine; from any thread.
extension Engine {
  /// Ends a job that waits, or asks it to stop if it runs; its outcome is delivered like any other.
  ///
  /// A job that is on its way from one place to another, or whose COMMIT is under way, is not met:
  /// whoever wants it ended asks again until its outcome has come, which may be another one.
  public func end(_ sequence: Int64, as end: EarlyEnd) {
    if let write = inbox.withdraw(sequence: sequence) {
      return inbox.send(.record(.early(write, end)))
    }
    let queued = readers.withdraw(sequence: sequence) ?? commands.withdraw(sequence: sequence)
    if let queued { return deliver([Outcome(unrecorded: queued, end.status, end.error)]) }
    inbox.interrupt(sequence: sequence, end.reason)
    readers.interrupt(sequence: sequence, end.reason)
    commands.interrupt(sequence: sequence, end.reason)
  }

  /// Takes back the jobs that wait and that `isMeant` accepts; what runs goes on.
  public func withdraw(_ isMeant: (JobTicket) -> Bool) -> [JobTicket] {
    inbox.withdraw(isMeant).map(\.ticket) + readers.withdraw(isMeant)
  }
}

extension Outcome {
  /// Of a job that needs no row of the ledger, since it had no effect and never will.
  init(
    unrecorded ticket: JobTicket, _ status: JobStatus, _ error: JobError?,
    _ fill: (inout ResultDocument) -> Void = { _ in }
  ) {
    var document = ResultDocument(of: ticket, status: status, finished: .now())
    document.error = error
    fill(&document)
    self.init(
      ticket: ticket, status: status, durability: .resultFile, result: document.rendered())
  }
}
