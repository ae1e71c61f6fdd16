import JSON
import SQLite

/// An operator's commands to one database; each ends in an outcome that is delivered like a job's.
///
/// One that has not ended when the engine is stopped has no outcome.
extension Engine {
  /// Works on the whole database: the check on a connection of its own, everything else on the
  /// writer's thread between two groups.
  public func maintain(_ work: ControlRequest.Maintenance, for ticket: JobTicket) {
    let (deliver, observer) = (deliver, observer)
    if work == .integrityCheck {
      return checkIntegrity(ticket) { deliver([$0.outcome(of: ticket)]) }
    }
    self.work(
      work, ticket, begins: { observer.writerStarts(sequence: ticket.sequence, index: 0) },
      ends: { end in
        observer.writerRests()
        if let end { deliver([end.outcome(of: ticket)]) }
      })
  }

  /// The same without a command: nobody is told but `then`, on the thread that did the work, and not
  /// at all where the engine is stopped before. It cannot be cancelled, and gives way: while an
  /// urgent or a high job waits it does not begin, and one that comes stops it.
  ///
  /// - Parameters:
  ///   - need: the share below which it is not needed: of a vacuum, of free pages; of `optimize` and
  ///     `analyze`, of the rows written since the last time among those counted then. 0: always.
  ///   - preemptions: how often it gave way already; as often as a job must, and it keeps its turn.
  public func maintain(
    _ work: ControlRequest.Maintenance, need: Double = 0, preemptions: Int = 0,
    then: @escaping @Sendable (MaintenanceEnd) -> Void
  ) {
    let job = Job(body: .control(.maintenance(work, database: configuration.name)))
    // No claimed job has this number.
    let ticket = JobTicket(
      sequence: 0, name: "[[maintenance]]",
      identity: FileIdentity(device: 0, inode: 0, birth: 0, modified: 0, size: 0, hash: 0),
      job: job, priority: .bulk, arrived: .now())
    if work == .integrityCheck { return checkIntegrity(ticket, then: then) }
    // A crash meanwhile is no job's fault, so the record of what runs stays empty.
    self.work(
      work, ticket, need: need, preemptions: preemptions, begins: {},
      ends: { if let end = $0 { then(end) } })
  }

  /// - Parameter preemptions: nil where it gives way to nobody.
  private func work(
    _ work: ControlRequest.Maintenance, _ ticket: JobTicket, need: Double = 0,
    preemptions: Int? = nil, begins: @escaping @Sendable () -> Void,
    ends: @escaping @Sendable (MaintenanceEnd?) -> Void
  ) {
    let (inbox, status, configuration) = (inbox, writerStatus, configuration)
    inbox.send(
      .work { session in
        begins()
        let gives = preemptions.map { $0 < configuration.scheduler.preemptionsMax } ?? false
        var write = QueuedWrite(ticket: ticket, runsAlone: true)
        write.preemptions = preemptions ?? 0
        // Before its first statement, and without a window: nobody gains by half a vacuum.
        session.connection.interrupt.arm(groupDeadline: gives ? 0 : .max, runsAlone: true)
        inbox.starts(write, interrupt: session.connection.interrupt)
        if gives, let first = inbox.first(now: .now()), first.ticket.priority <= .high {
          session.connection.interrupt.stop(.preempted)
        }
        status.update { $0.holdUp = "\(work.rawValue) (\(ticket.name))" }
        let end = MaintenanceRun(work, need: need).run(on: session)
        status.update { $0.holdUp = nil }
        inbox.rests()
        ends(end)
      })
  }

  private func checkIntegrity(
    _ ticket: JobTicket, then: @escaping @Sendable (MaintenanceEnd) -> Void
  ) {
    let path = configuration.path
    commands.add(ticket) { interrupts in
      if let end = MaintenanceRun(.integrityCheck).runCheck(ofDatabase: path, interrupts) {
        then(end)
      }
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
