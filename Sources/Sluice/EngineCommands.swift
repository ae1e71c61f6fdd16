import JSON
import SQLite

/// An operator's commands to one database; each ends in an outcome that is delivered like a job's.
///
/// One that has not ended when the engine is stopped has no outcome.
extension Engine {
  /// Works on the whole database: the check on a connection of its own, everything else on the
  /// writer's thread between two groups.
  public func maintain(_ work: ControlRequest.Maintenance, for ticket: JobTicket) {
    if work == .integrityCheck { return checkIntegrity(for: ticket) }
    let (inbox, status, deliver, observer) = (inbox, writerStatus, deliver, observer)
    inbox.send(
      .work { session in
        let write = QueuedWrite(ticket: ticket, runsAlone: true)
        observer.writerStarts(sequence: ticket.sequence, index: 0)
        session.connection.interrupt.arm()
        inbox.starts(write, interrupt: session.connection.interrupt)
        status.update { $0.holdUp = "\(work.rawValue) (\(ticket.name))" }
        let command = MaintenanceRun(work, ticket)
        let outcome = command.run(on: session)
        status.update { $0.holdUp = nil }
        inbox.rests()
        observer.writerRests()
        if let outcome { deliver([outcome]) }
      })
  }

  private func checkIntegrity(for ticket: JobTicket) {
    let (path, deliver) = (configuration.path, deliver)
    commands.add(ticket) { interrupts in
      let command = MaintenanceRun(.integrityCheck, ticket)
      let outcome = command.runCheck(ofDatabase: path, interrupts)
      if let outcome { deliver([outcome]) }
    }
  }

  /// Copies one state of the database into a file, page by page, while others write.
  ///
  /// - Parameters:
  ///   - path: a file that nobody else uses; what is there is replaced, and nothing left where the
  ///     copy fails.
  ///   - finish: puts the whole copy, of so many pages, where it belongs.
  public func backup(
    for ticket: JobTicket, to path: String,
    finish: @escaping @Sendable (_ pages: Int) throws(JobError) -> [UInt8]
  ) {
    let (source, deliver) = (configuration.path, deliver)
    commands.add(ticket) { interrupts in
      let backup = BackupRun(ticket, from: source, to: path)
      if let outcome = backup.run(interrupts, finish) { deliver([outcome]) }
    }
  }
}
