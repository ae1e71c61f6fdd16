import Glibc
import SQLite

/// The turns of jobs that have the writer to themselves: those that need a connection of their own,
/// scripts, and the chunks of batches.
extension WriterThread {
  func runOnOwnConnection(_ write: QueuedWrite) {
    observer.writerStarts(sequence: write.ticket.sequence, index: 0)
    defer { observer.writerRests() }
    switch write.ticket.job.body {
    case .script(let body): runScript(write, body.source)
    case .batch(let body): runLineAlone(of: write, body.source)
    case .transaction, .importFile, .control: runSolo(write)
    }
  }

  private func runSolo(_ write: QueuedWrite) {
    let solo = SoloTransaction(configuration)
    switch solo.run(write, inbox, status) {
    case .committed(let outcome):
      wentWell(1, walPages: session?.connection.walPages ?? 0)
      hand([outcome])
    case .rejected(let outcome): hand([outcome])
    case .lost(let loss): takeLoss(loss, of: write, wasAlone: true)
    case .unknown(let error): isUnknown(write, error)
    case .busy:
      inbox.putBack([write])
      chargeWait()
    }
  }

  // MARK: Scripts

  func runScript(_ write: QueuedWrite, _ source: any ScriptSource) {
    switch ScriptTransaction(write, source, configuration).run(inbox, status) {
    case .committed(let outcome, let walPages):
      wentWell(1, walPages: walPages)
      hand([outcome])
      // It may have made the WAL as long as itself, which the shared connection does not know.
      if walPages >= CheckpointPolicy.pages { _ = session?.checkpoint(.truncate) }
    case .rejected(let outcome): hand([outcome])
    case .ended(let write): ended.append(write)
    case .lost(let loss): takeLoss(loss, of: write, wasAlone: true)
    case .unknown(let error): isUnknown(write, error)
    case .busy:
      inbox.putBack([write])
      chargeWait()
    case .unreadable(let message): takeUnreadable(message, write)
    }
  }

  /// The job's file, or the one that it loads, cannot be read: it waits as for a disk, but not for
  /// ever.
  func takeUnreadable(_ message: String, _ write: QueuedWrite) {
    var write = write
    write.failedAttempts += 1
    if write.failedAttempts <= write.ticket.job.retries ?? configuration.maxRetries {
      inbox.putBack([write])
      return takeFailure(SQLiteError(code: 10, message: message))
    }
    let error = JobError(
      .storage, SluiceCode.badFile, message, retryable: true,
      hint: "look at the file and its disk, then drop what is in failed/ again")
    ended.append(
      EndedWrite(write: write, status: .failed, error: error, started: nil, finished: .now()))
  }

  // MARK: Batches

  /// Runs the next chunk of a batch as the group's only work.
  func runChunk(
    of write: QueuedWrite, _ source: any BatchSource, _ group: inout WriteGroup,
    windowEnd: Int64, _ session: WriterSession
  ) {
    observer.writerStarts(sequence: write.ticket.sequence, index: 0)
    let end = runChunk(
      of: write, source, commit: group.commit, windowEnd: windowEnd, isShared: true, session)
    switch end {
    case .goesOn(let write): group.continuing = write
    case .ended(let outcome): group.members.append(.init(write: write, outcome: outcome))
    case .again, .lost, .endsEarly, .unreadable:
      // As for a job: what has not run yet is another transaction's to tell of.
      if case .again(let next) = end, next.leavesConnection { session.transactions.jobsBegun -= 1 }
      giveBack(group, session)
      observer.writerRests()
      return takeBack(end)
    }
    finish(group, session)
  }

  private func runChunk(
    of write: QueuedWrite, _ source: any BatchSource, commit: Int64, windowEnd: Int64,
    isShared: Bool, _ session: WriterSession
  ) -> ChunkEnd {
    let interrupt = session.connection.interrupt
    interrupt.arm(groupDeadline: windowEnd, runsAlone: true)
    inbox.starts(write, interrupt: interrupt)
    defer { inbox.rests() }
    session.transactions.jobsBegun += 1
    return batches.runChunk(
      write, source, commit: commit, windowEnd: windowEnd, isShared: isShared, in: session)
  }

  /// Runs one line on a connection of its own, which takes its temporary objects along.
  func runLineAlone(of write: QueuedWrite, _ source: any BatchSource) {
    do throws(SQLiteError) {
      let session = try WriterSession(configuration, inbox, status)
      try session.begin()
      let commit = try session.ledger.beginCommit(on: session.connection)
      let windowEnd = MonotonicTime.now().advanced(bySeconds: configuration.groupWindow)
      let end = runChunk(
        of: write, source, commit: commit, windowEnd: windowEnd.nanoseconds, isShared: false,
        session)
      switch end {
      case .goesOn, .ended: commitLine(end, of: write, session)
      case .again, .lost, .endsEarly, .unreadable:
        session.rollback()
        takeBack(end)
      }
    } catch {
      inbox.putBack([write])
      if ResultClass(error.code) == .locked { chargeWait() } else { takeFailure(error) }
    }
  }

  private func commitLine(_ end: ChunkEnd, of write: QueuedWrite, _ own: WriterSession) {
    var group = WriteGroup()
    do throws(SQLiteError) {
      try own.commit()
    } catch {
      own.rollback()
      return isUnknown(write.withoutProgress, error)
    }
    switch end {
    case .goesOn(let next): group.continuing = next
    case .ended(let outcome): group.members.append(.init(write: write, outcome: outcome))
    case .again, .lost, .endsEarly, .unreadable: break
    }
    wentWell(group.count, walPages: own.connection.walPages)
    if let session { noteBatches(of: group, session) }
    hand(group.outcomes)
  }

  private func takeBack(_ end: ChunkEnd) {
    switch end {
    case .again(let write): inbox.putBack([write])
    case .lost(let loss, let write): takeLoss(loss, of: write, wasAlone: true)
    case .endsEarly(let write): ended.append(write)
    case .unreadable(let message, let write): takeUnreadable(message, write)
    case .goesOn, .ended: preconditionFailure("a chunk that is recorded was taken back")
    }
  }

  /// A transaction is committed: its batch waits for the next turn, or is over.
  func noteBatches(of group: WriteGroup, _ session: WriterSession) {
    for outcome in group.outcomes where outcome.ticket.job.isBatch {
      if case .ledger(let key) = outcome.durability {
        session.chunks.hasEnded(outcome.ticket.sequence, key: key)
      }
      status.update { $0.batches[outcome.ticket.sequence] = nil }
    }
    guard let write = group.continuing else { return }
    let ticket = write.ticket
    inbox.putBack([write])
    observer.writerGotFurther(sequence: ticket.sequence)
    guard let progress = write.progress, let place = progress.place else { return }
    status.update {
      $0.batches[ticket.sequence] = WriterStatus.Batch(
        name: ticket.name, lines: progress.counts, offset: place.offset, size: place.size)
    }
  }
}

extension QueuedWrite {
  /// How far it has come is to be asked of the database.
  var withoutProgress: QueuedWrite {
    var write = self
    write.progress = nil
    return write
  }
}

extension Job {
  var isBatch: Bool {
    if case .batch = body { true } else { false }
  }
}
