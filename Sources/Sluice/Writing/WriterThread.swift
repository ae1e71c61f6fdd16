import Glibc
import SQLite

/// The one thread that writes to a database: takes jobs from its inbox group by group, and hands
/// their outcomes on once they are durable.
///
/// Confined to that thread from `run` on; `inbox` and `status` are what others share with it.
final class WriterThread {
  let configuration: EngineConfiguration
  let inbox: WriterInbox
  let observer: any RunObserver
  let status: WriterStatus
  private let deliver: @Sendable ([Outcome]) -> Void
  var session: WriterSession?
  /// Jobs that ended without effect; their rows go into the next transaction.
  var ended: [EndedWrite] = []
  var unknown = UnknownWrites()
  var backoff = WriterBackoff()
  private var turns = ForeignTurns()
  private var checkpoints: CheckpointPolicy
  private let reserve: StorageReserve
  let batches: BatchExecution
  /// The disk was found full: nothing is written until the reserve can be taken again.
  private var needsRoom = false
  /// A job met it on two connections: once that job's end is recorded, nothing more is written.
  private var damage: SQLiteError?

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
    batches = BatchExecution(configuration)
  }

  /// Opens the database; before `run`, so that a path that cannot work stops the start.
  ///
  /// A full disk or another process's lock does not: the writer then begins with a pause.
  func start() throws(SQLiteError) {
    do throws(SQLiteError) {
      try open()
    } catch {
      guard ResultClass(error.code) == .locked || error.isFull else { throw error }
      holdOn(error)
    }
  }

  private func open() throws(SQLiteError) {
    session = try WriterSession(configuration, inbox, status)
    configuration.databaseFile?.noteOpened()
    if !needsRoom { _ = reserve.take() }
  }

  /// Works until the inbox says stop.
  func run() {
    while true {
      let hasMore = !ended.isEmpty || !unknown.isEmpty || session?.chunks.hasSweeps == true
      if let end = backoff.until {
        if inbox.rest(until: end) { return close() }
        // Who waited for the lock may have been given up meanwhile.
        if !hasMore, inbox.first(now: .now()) == nil { status.waitsNoLonger() }
      }
      switch inbox.wait(hasMore: hasMore, until: session == nil ? nil : checkpoints.retry) {
      case .stop: return close()
      case .command(let command): obey(command)
      case .group: workOnce()
      case .nothing: if let session { checkpointIfDue(session) }
      }
    }
  }

  private func workOnce() {
    if configuration.databaseFile?.isReplaced == true { return holdOn(.databaseMoved) }
    if let damage, ended.isEmpty, unknown.isEmpty {
      setAside(damage)
      return backoff.failed()
    }
    guard let session = openSession() else { return }
    guard !needsRoom || makeRoom(session) else { return backoff.failed() }
    guard unknown.isEmpty || resolveUnknown(session) else { return }
    guard begin(session) else { return }
    runGroup(session)
    checkpointIfDue(session)
    leaveGap()
  }

  private func close() {
    // An orderly end leaves everything in the database file itself, where no reader prevents it.
    if let session, session.checkpoint(.truncate) { reserve.release() }
    session = nil
    inbox.close()
  }

  /// Hands outcomes on.
  func hand(_ outcomes: [Outcome]) {
    if outcomes.isEmpty { return }
    deliver(outcomes)
    inbox.answered(outcomes.count)
  }

  private func obey(_ command: WriterCommand) {
    if case .record(let write) = command { return ended.append(write) }
    guard let session = openSession() else { return inbox.sendBack(command) }
    command.obey(session)
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

  /// Nothing is burned, everything waits, and it is said once.
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
        self.session = nil
        status.waitsNoLonger()
        holdOn(error)
      }
      return false
    }
  }

  /// Only the job first in line pays for a lock that another process kept.
  func chargeWait() {
    let holders = LockHolder.blockingWriters(ofDatabase: configuration.path)
    let who = holders.first.map { "\($0)" } ?? "another process"
    backoff.waited()
    guard let first = inbox.first(now: .now()),
      var write = inbox.remove(sequence: first.ticket.sequence)
    else { return }
    write.failedAttempts += 1
    guard write.failedAttempts > write.ticket.job.retries ?? configuration.maxRetries else {
      return inbox.putBack([write])
    }
    hand([LockTimeout.outcome(of: write, holder: who, configuration)])
  }

  // MARK: One group

  private func runGroup(_ session: WriterSession) {
    inbox.beginGroup()
    var group = WriteGroup()
    let settled = inbox.takeSettled()
    do throws(SQLiteError) {
      try group.open(session, batches, recording: ended, settledThrough: settled)
    } catch {
      giveBack(group, session)
      return takeFailure(error)
    }
    let clock = MonotonicTime.now()
    let window = configuration.groupWindow
    let windowEnd = clock.advanced(bySeconds: window).nanoseconds
    // A job that began at the window's very end would be struck however short it is, and the group
    // run again: each has a quarter of the window to itself.
    let intakeEnd = clock.advanced(bySeconds: window * 0.75)
    var hasUrgent = false
    while group.count < configuration.groupSize,
      let write = inbox.next(groupCount: group.recordedCount, hasUrgent: hasUrgent, now: .now())
    {
      hasUrgent = hasUrgent || write.ticket.priority == .urgent
      if write.leavesConnection {
        guard group.isEmpty else {
          inbox.putBack([write])
          break
        }
        session.rollback()
        return runOnOwnConnection(write)
      }
      if case .batch(let body) = write.ticket.job.body {
        return runChunk(of: write, body.source, &group, windowEnd: windowEnd, session)
      }
      let end = run(write, &group, windowEnd: windowEnd, session)
      guard settle(end, of: write, &group, session) else { return }
      if write.isAlone || MonotonicTime.now() >= intakeEnd { break }
    }
    finish(group, session)
  }

  private func run(
    _ write: QueuedWrite, _ group: inout WriteGroup, windowEnd: Int64, _ session: WriterSession
  ) -> JobEnd {
    observer.writerStarts(sequence: write.ticket.sequence, index: group.count)
    let interrupt = session.connection.interrupt
    interrupt.arm(groupDeadline: windowEnd, runsAlone: write.isAlone)
    inbox.starts(write, interrupt: interrupt)
    defer { inbox.rests() }
    if let request = write.ticket.job.importRequest {
      session.transactions.jobsBegun += 1
      return session.imports.run(
        write, request, commit: group.commit, windowEnd: windowEnd, on: session.connection)
    }
    return session.transactions.run(
      write, commit: group.commit, isShared: true, on: session.connection)
  }

  /// - Returns: false where the group is over because its transaction is gone.
  private func settle(
    _ end: JobEnd, of write: QueuedWrite, _ group: inout WriteGroup, _ session: WriterSession
  ) -> Bool {
    switch end {
    case .recorded(let outcome): group.members.append(.init(write: write, outcome: outcome))
    case .rejected(let outcome): group.rejected.append(.init(write: write, outcome: outcome))
    case .continues(let next): group.continuing = next
    case .again(let changed): inbox.putBack([changed])
    case .transactionLost(let loss):
      giveBack(group, session)
      observer.writerRests()
      // A loss that is the job's own doing is judged with nobody beside it.
      takeLoss(loss, of: write, wasAlone: write.isAlone || group.count == 0)
      return false
    }
    return true
  }

  /// The group is over without a COMMIT: everything that is not decided waits again.
  func giveBack(_ group: WriteGroup, _ session: WriterSession) {
    session.rollback()
    inbox.putBack((group.members + group.rejected).map(\.write))
    if let settled = group.settledThrough { inbox.settle(through: settled) }
  }

  func takeLoss(_ loss: TransactionLoss, of write: QueuedWrite, wasAlone: Bool) {
    var write = write
    switch loss {
    case .job(let error, let started, let seconds):
      guard wasAlone else {
        write.runsAlone = true
        return inbox.putBack([write])
      }
      ended.append(
        EndedWrite(
          write: write, status: .failed, error: error, started: started,
          finished: started.advanced(bySeconds: seconds), ran: seconds))
    case .interrupted(.cancelled): ended.append(EndedWrite.early(write, .cancelled))
    case .interrupted(.expired): ended.append(EndedWrite.early(write, .expired))
    case .interrupted(let reason):
      if reason == .preempted {
        write.preemptions += 1
        status.update { $0.preemptions += 1 }
      }
      write.runsAlone = true
      inbox.putBack([write])
    case .again(let changed): inbox.putBack([changed])
    case .environment(let error): takeStorageFailure(error, of: write)
    case .unreadable(let message): takeUnreadable(message, write)
    }
  }

  /// No job is burned by a full disk but the one that is itself what does not fit.
  private func takeStorageFailure(_ error: SQLiteError, of write: QueuedWrite) {
    // One failed read can look like damage as long as its connection lives: another one is to see it.
    if error.isCorrupt { session = nil }
    // Memory comes back with the rollback, so a job that runs out of it again is what is too large.
    if error.isOutOfMemory || error.isCorrupt { return charge(write, error) }
    if error.isFull, let session, makeRoom(session) { return charge(write, error) }
    inbox.putBack([write])
    takeFailure(error)
  }

  func charge(_ write: QueuedWrite, _ error: SQLiteError) {
    var write = write
    write.storageFailures += 1
    write.runsAlone = true
    // Memory is one bound for all: a read beside it may be who has it. And where a disk fails for a
    // moment, a file that SQLite was told is shorter than it is looks damaged.
    if error.isOutOfMemory || error.isCorrupt { backoff.failed() }
    let failuresMax =
      if error.isOutOfMemory { configuration.maxRetries + 1 } else { error.isCorrupt ? 2 : 1 }
    if write.storageFailures > failuresMax {
      ended.append(.failedAgain(write, error))
      if error.isCorrupt { damage = error }
    } else {
      inbox.putBack([write])
    }
  }

  /// The environment failed, and no job is to blame.
  func takeFailure(_ error: SQLiteError) {
    if error.isFull { needsRoom = true }
    holdOn(error)
  }

  /// Empties the WAL, which stays as large as the last job made it, and probes the disk.
  private func makeRoom(_ session: WriterSession) -> Bool {
    reserve.release()
    _ = session.checkpoint(.truncate)
    needsRoom = !reserve.take()
    return !needsRoom
  }

  func finish(_ group: WriteGroup, _ session: WriterSession) {
    defer { observer.writerRests() }
    if group.isEmpty {
      session.rollback()
      return hand(group.outcomes)
    }
    Seam.reached(.begun)
    do throws(SQLiteError) {
      try session.commit()
    } catch {
      return commitFailed(error, group, session)
    }
    Seam.reached(.committed)
    ended.removeAll()
    wentWell(group.count, walPages: session.connection.walPages)
    noteBatches(of: group, session)
    hand(group.outcomes)
    if let damage { setAside(damage) }
  }

  func wentWell(_ jobs: Int, walPages: Int) {
    backoff.succeeded()
    status.resumes()
    status.update { snapshot in
      snapshot.groups += 1
      snapshot.commits += 1
      snapshot.jobs += Int64(jobs)
      snapshot.walPages = walPages
    }
  }

  // MARK: Between groups

  private func checkpointIfDue(_ session: WriterSession) {
    let mode: Connection.CheckpointMode
    checkpoints.walLimit = configuration.walLimit
    let walPages = session.connection.walPages
    switch checkpoints.step(walPages: walPages, pageSize: session.pageSize, now: .now()) {
    case .none: return
    case .full: mode = .full
    case .truncate: mode = .truncate
    }
    let heldBack = session.checkpoint(mode) ? 0 : session.connection.walPages
    checkpoints.ended(isHeldBack: heldBack > 0, now: .now())
    status.update { $0.heldBackPages = heldBack }
  }

  private func leaveGap() {
    let path = configuration.path
    let gap = turns.gap(now: .now()) { !LockHolder.all(onDatabase: path).isEmpty }
    if let gap { usleep(UInt32(gap * 1e6)) }
  }
}
