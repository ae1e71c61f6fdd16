import SQLite

/// What becomes of jobs whose COMMIT failed: it is neither done nor undone until a later one on the
/// database has succeeded and the ledger is read again.
extension WriterThread {
  func commitFailed(
    _ error: SQLiteError, _ group: WriteGroup, _ session: WriterSession
  ) {
    session.rollback()
    let continuing = group.continuing.map { [$0.withoutProgress] } ?? []
    unknown.add(group.members.map(\.write) + continuing, ended: ended, error: error)
    ended.removeAll()
    if let settled = group.settledThrough { inbox.settle(through: settled) }
    inbox.putBack(group.rejected.map(\.write))
    self.session = nil
    takeFailure(error)
  }

  /// - Returns: whether the outcome of every such job is known now.
  func resolveUnknown(_ session: WriterSession) -> Bool {
    let cause = unknown.error
    do throws(SQLiteError) {
      let known = try unknown.resolve(session)
      backoff.succeeded()
      status.resumes()
      ended += known.ended
      // There is room again: what filled the disk is looked for among them, one by one.
      if let cause, cause.isFull {
        for var write in known.jobs {
          write.runsAlone = true
          if known.jobs.count == 1 { charge(write, cause) } else { inbox.putBack([write]) }
        }
      } else {
        inbox.putBack(known.jobs)
      }
      hand(known.done)
      return true
    } catch {
      self.session = nil
      takeFailure(error)
      return false
    }
  }

  /// The COMMIT of a transaction of its own failed.
  func isUnknown(_ write: QueuedWrite, _ error: SQLiteError) {
    unknown.add([write], ended: [], error: error)
    session = nil
    takeFailure(error)
  }
}
