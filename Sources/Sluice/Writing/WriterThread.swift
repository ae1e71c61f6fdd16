import Glibc
import SQLite

/// The one thread that writes to a database: takes jobs from its inbox group by group, and hands
/// their outcomes on once they are durable.
///
/// Confined to that thread from `run` on; `inbox` and `status` are what others share with it.
final class WriterThread {
  private let configuration: EngineConfiguration
  private let inbox: WriterInbox
  private let observer: any RunObserver
  private let status: WriterStatus
  private let deliver: @Sendable ([Outcome]) -> Void
  private var session: WriterSession?
  /// Jobs that ended without effect; their rows go into the next transaction.
  private var ended: [EndedWrite] = []
  /// Jobs whose COMMIT failed, so that nobody knows whether they are done.
  private var unknown: [UnknownWrite] = []
  private var backoff = WriterBackoff()
  private var turns = ForeignTurns()
  private var checkpoints: CheckpointPolicy
  private let reserve: StorageReserve

  init(
    _ configuration: EngineConfiguration, inbox: WriterInbox, observer: any RunObserver,
    status: WriterStatus, deliver: @escaping @Sendable ([Outcome]) -> Void
  ) {
    self.configuration = configuration
    self.inbox = inbox
    self.observer = observer
    self.status = status
    self.deliver = deliver
    checkpoints = CheckpointPolicy(walLimit: configuration.walLimit)
    reserve = StorageReserve(beside: configuration.path)
  }

  /// Opens the database; before `run`, so that a path that cannot work stops the start.
  func open() throws(SQLiteError) {
    let inbox = inbox
    session = try WriterSession(configuration) { inbox.isStopping }
    _ = reserve.take()
  }

  /// Works until the inbox says stop.
  func run() {
    while true {
      if let pauseEnd = backoff.until, inbox.rest(until: pauseEnd) { return close() }
      let hasMore = !ended.isEmpty || !unknown.isEmpty
      switch inbox.wait(hasMore: hasMore, until: nil) {
      case .stop: return close()
      case .command(let command): obey(command)
      case .group: workOnce()
      case .nothing: break
      }
    }
  }

  private func workOnce() {
    guard let session = openSession() else { return }
    guard unknown.isEmpty || resolveUnknown(session) else { return }
    guard begin(session) else { return }
    runGroup(session)
    checkpointIfDue(session)
    leaveGap()
  }

  private func close() {
    // An orderly end leaves everything in the database file itself, where no reader prevents it.
    if let session, (try? session.connection.checkpoint(.truncate)) != nil { reserve.release() }
    session = nil
  }

  private func obey(_ command: WriterInbox.Command) {
    if case .record(let write) = command { return ended.append(write) }
    guard let session = openSession() else { return inbox.send(command) }
    switch command {
    case .record: break
    case .unsettled(let answer):
      answer(Result { () throws(SQLiteError) in try session.ledger.unsettled(on: session.connection) })
    case .result(let key, let answer):
      answer(
        Result { () throws(SQLiteError) in
          try session.ledger.result(ofKey: key, on: session.connection)
        })
    }
  }

  // MARK: Beginning

  private func openSession() -> WriterSession? {
    if let session { return session }
    do throws(SQLiteError) {
      try open()
      return session
    } catch {
      holdOn(error)
      return nil
    }
  }

  /// The environment fails: nothing is burned, everything waits, and it is said once.
  private func holdOn(_ error: SQLiteError) {
    session?.rollback()
    status.pauses(
      "nothing is written to \(configuration.path): \(error.message) (\(error.name));"
        + " all jobs wait, and the writer tries again by itself")
    backoff.failed()
  }

  private func begin(_ session: WriterSession) -> Bool {
    do throws(SQLiteError) {
      try session.begin()
      return true
    } catch {
      if ResultClass(error.code) == .locked {
        if !inbox.isStopping { chargeWait() }
      } else {
        if ResultClass(error.code) == .corrupt { self.session = nil }
        holdOn(error)
      }
      return false
    }
  }

  /// Only the job first in line pays for a lock that another process kept.
  private func chargeWait() {
    let holders = LockHolder.blockingWriters(ofDatabase: configuration.path)
    let who = holders.first.map { "\($0)" } ?? "another process"
    status.update { $0.holdUp = "\(who) holds the write lock" }
    backoff.waited()
    guard let first = inbox.first(now: .now()),
      var write = inbox.remove(sequence: first.ticket.sequence)
    else { return }
    write.failedAttempts += 1
    guard write.failedAttempts > write.ticket.job.retries ?? configuration.maxRetries else {
      return inbox.putBack([write])
    }
    write.failedAttempts -= 1
    var document = ResultDocument(of: write.ticket, status: .failed, finished: .now())
    document.attempts = write.failedAttempts + 1
    document.error = JobError(
      .lockTimeout, SluiceCode.busy,
      "\(who) kept the write lock of \(configuration.path) for more than"
        + " \(configuration.connectionTimeout) s, \(write.failedAttempts + 1) times",
      retryable: true,
      hint: "end or mend that process (a transaction left open?), then drop the job again")
    // No row of the ledger can be written while the lock is held, so the file has to last.
    deliver([
      Outcome(
        ticket: write.ticket, status: .failed, durability: .resultFile, result: document.rendered())
    ])
  }

  // MARK: One group

  private func runGroup(_ session: WriterSession) {
    status.update { $0.holdUp = nil }
    inbox.beginGroup()
    var group = WriteGroup()
    let settled = inbox.takeSettled()
    do throws(SQLiteError) {
      try group.open(session, recording: ended, settledThrough: settled)
    } catch {
      if let settled { inbox.settle(through: settled) }
      return holdOn(error)
    }
    let clock = MonotonicTime.now()
    let windowEnd = clock.advanced(bySeconds: configuration.groupWindow).nanoseconds
    while group.members.count < configuration.groupSize,
      let write = inbox.next(groupCount: group.count, now: .now())
    {
      if write.needsOwnConnection {
        session.rollback()
        return runOnOwnConnection(write)
      }
      let end = run(write, &group, windowEnd: windowEnd, session)
      guard settle(end, of: write, &group, session) else { return }
      if write.runsAlone || MonotonicTime.now().nanoseconds >= windowEnd { break }
    }
    finish(group, session)
  }

  private func run(
    _ write: QueuedWrite, _ group: inout WriteGroup, windowEnd: Int64, _ session: WriterSession
  ) -> JobEnd {
    observer.writerStarts(sequence: write.ticket.sequence, index: group.count)
    let interrupt = session.connection.interrupt
    interrupt.arm(groupDeadline: windowEnd, runsAlone: write.runsAlone)
    inbox.starts(write, interrupt: interrupt)
    defer { inbox.rests() }
    return session.transactions.run(
      write, commit: group.commit, isShared: true, on: session.connection)
  }

  /// - Returns: false where the group is over because its transaction is gone.
  private func settle(
    _ end: JobEnd, of write: QueuedWrite, _ group: inout WriteGroup, _ session: WriterSession
  ) -> Bool {
    switch end {
    case .recorded(let outcome): group.members.append(.init(write: write, outcome: outcome))
    case .rejected(let outcome): group.rejected.append(outcome)
    case .again(let changed): inbox.putBack([changed])
    case .transactionLost(let loss):
      session.rollback()
      inbox.putBack(group.members.map(\.write))
      deliver(group.rejected)
      observer.writerRests()
      // A loss that is the job's own doing is judged with nobody beside it.
      takeLoss(loss, of: write, wasAlone: write.runsAlone || group.count == 0)
      return false
    }
    return true
  }

  private func takeLoss(_ loss: TransactionLoss, of write: QueuedWrite, wasAlone: Bool) {
    var write = write
    switch loss {
    case .job(let error):
      guard wasAlone else {
        write.runsAlone = true
        return inbox.putBack([write])
      }
      ended.append(
        EndedWrite(write: write, status: .failed, error: error, started: nil, finished: .now()))
    case .interrupted(.cancelled):
      ended.append(
        EndedWrite(
          write: write, status: .cancelled, error: .cancelled, started: nil, finished: .now()))
    case .interrupted(let reason):
      if reason == .preempted {
        write.preemptions += 1
        status.update { $0.preemptions += 1 }
      }
      write.runsAlone = true
      inbox.putBack([write])
    case .environment(let error):
      takeStorageFailure(error, of: write)
    }
  }

  /// No job is burned by a full disk but the one that is itself what does not fit.
  private func takeStorageFailure(_ error: SQLiteError, of write: QueuedWrite) {
    var write = write
    reserve.release()
    // The WAL stays as large as the job made it until it is emptied.
    _ = try? session?.connection.checkpoint(.truncate)
    let hasRoom = reserve.take()
    guard ResultCode.name(of: error.primaryCode) == "SQLITE_FULL", hasRoom else {
      inbox.putBack([write])
      return holdOn(error)
    }
    write.storageFailures += 1
    write.runsAlone = true
    guard write.storageFailures > 1 else { return inbox.putBack([write]) }
    var failure = JobError(error)
    failure.retryable = false
    failure.hint = "the job alone needs more room than the disk has; split it or make room"
    ended.append(
      EndedWrite(write: write, status: .failed, error: failure, started: nil, finished: .now()))
  }

  private func finish(_ group: WriteGroup, _ session: WriterSession) {
    defer { observer.writerRests() }
    if group.isEmpty {
      session.rollback()
    } else {
      Seam.reached(.begun)
      do throws(SQLiteError) {
        try session.commit()
      } catch {
        return commitFailed(error, group, session)
      }
      Seam.reached(.committed)
      ended.removeAll()
    }
    backoff.succeeded()
    status.resumes()
    status.update { snapshot in
      snapshot.groups += 1
      snapshot.jobs += Int64(group.count)
      snapshot.walPages = session.connection.walPages
    }
    deliver(group.outcomes)
  }

  // MARK: After a COMMIT that failed

  /// The live connection may say absent and recovery present: nothing of the group is known until
  /// a later COMMIT has succeeded.
  private func commitFailed(
    _ error: SQLiteError, _ group: WriteGroup, _ session: WriterSession
  ) {
    session.rollback()
    unknown += group.members.map { .job($0.write) } + ended.map { .ended($0) }
    ended.removeAll()
    deliver(group.rejected)
    self.session = nil
    holdOn(error)
  }

  /// - Returns: whether the outcome of every such job is known now.
  private func resolveUnknown(_ session: WriterSession) -> Bool {
    do throws(SQLiteError) {
      try session.begin()
      _ = try session.ledger.beginCommit(on: session.connection)
      try session.commit()
      let rows = try session.ledger.unsettled(on: session.connection)
      let known = Dictionary(rows.map { ($0.sequence, $0) }) { _, last in last }
      var outcomes: [(key: Int64, outcome: Outcome)] = []
      var absent: [UnknownWrite] = []
      for write in unknown {
        guard let row = known[write.ticket.sequence],
          let result = try session.ledger.result(ofKey: row.key, on: session.connection)
        else {
          absent.append(write)
          continue
        }
        outcomes.append(
          (
            row.key,
            Outcome(
              ticket: write.ticket, status: row.status, durability: .ledger(key: row.key),
              result: result)
          ))
      }
      unknown.removeAll()
      for write in absent {
        switch write {
        case .job(let write): inbox.putBack([write])
        case .ended(let write): ended.append(write)
        }
      }
      deliver(outcomes.sorted { $0.key < $1.key }.map(\.outcome))
      return true
    } catch {
      self.session = nil
      holdOn(error)
      return false
    }
  }

  // MARK: Between groups

  private func runOnOwnConnection(_ write: QueuedWrite) {
    observer.writerStarts(sequence: write.ticket.sequence, index: 0)
    defer { observer.writerRests() }
    let solo = SoloTransaction(configuration)
    switch solo.run(write, inbox: inbox) {
    case .committed(let outcome): deliver([outcome])
    case .rejected(let outcome): deliver([outcome])
    case .lost(let loss): takeLoss(loss, of: write, wasAlone: true)
    case .unknown(let error):
      unknown.append(.job(write))
      session = nil
      holdOn(error)
    case .busy:
      inbox.putBack([write])
      chargeWait()
    }
  }

  private func checkpointIfDue(_ session: WriterSession) {
    let mode: Connection.CheckpointMode
    switch checkpoints.step(walPages: session.connection.walPages) {
    case .none: return
    case .full: mode = .full
    case .truncate: mode = .truncate
    }
    if session.checkpoint(mode) {
      checkpoints.succeeded()
    } else {
      checkpoints.wasHeldBack(walPages: session.connection.walPages)
    }
    let heldBack = checkpoints.heldBack
    status.update { $0.heldBackPages = heldBack }
  }

  private func leaveGap() {
    let path = configuration.path
    let gap = turns.gap(now: .now()) { !LockHolder.all(onDatabase: path).isEmpty }
    if let gap { usleep(UInt32(gap * 1e6)) }
  }
}

/// A job whose fate a failed COMMIT left open.
enum UnknownWrite: Sendable {
  case job(QueuedWrite)
  case ended(EndedWrite)

  var ticket: JobTicket {
    switch self {
    case .job(let write): write.ticket
    case .ended(let ended): ended.write.ticket
    }
  }
}
