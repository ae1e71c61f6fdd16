import JSON
import SQLite

/// Why a line ended the transaction.
enum LineStop {
  case needsOwnConnection
  case lost(TransactionLoss)
}

/// The lines of one transaction.
struct ChunkRun {
  /// Lines of a chunk: a thousand or two pages of WAL where each touches one of its own; simple ones
  /// fill about the window.
  private static let linesMax = 2000
  /// Bytes of a chunk's results, above which no further line begins.
  private static let resultBytesMax = 1 << 20

  let batch: QueuedWrite
  var progress: BatchProgress
  let commit: Int64
  let windowEnd: Int64
  let isShared: Bool
  let session: WriterSession
  let reader: any BatchReader
  let started = Timestamp.now()
  let clock = MonotonicTime.now()
  /// Lines so far.
  var lines = 0
  var isLast = false
  var writer = JSONWriter()
  var leftover: [UInt8] = []
  private let linesMax: Int

  init(
    batch: QueuedWrite, progress: BatchProgress, commit: Int64, windowEnd: Int64, isShared: Bool,
    session: WriterSession, reader: any BatchReader
  ) {
    self.batch = batch
    self.progress = progress
    self.commit = commit
    self.windowEnd = windowEnd
    self.isShared = isShared
    self.session = session
    self.reader = reader
    switch progress.caution {
    case .none: linesMax = Self.linesMax
    case .stopAfter(let lines): linesMax = min(lines, Self.linesMax)
    // What is known of a condemned line is lost with the chunk, if another one ends that too.
    case .condemned, .ownConnection: linesMax = 1
    }
  }

  /// Runs lines until the chunk is full or the batch at its end.
  /// - Returns: what ended the transaction, if something did.
  mutating func runLines() throws(StreamFailure) -> LineStop? {
    if case .condemned(let error) = progress.caution, let line = try reader.next() {
      take(line, .failed, error)
      lines += 1
    }
    while !isFull {
      // Noticed by a running statement only if it runs for long.
      let reason = session.connection.interrupt.reason
      if let reason, EarlyEnd(reason) != nil { return .lost(.interrupted(reason)) }
      guard let line = try reader.next() else {
        isLast = true
        break
      }
      if let stop = run(line) { return stop }
      lines += 1
    }
    return nil
  }

  private var isFull: Bool {
    lines >= linesMax || writer.bytes.count >= Self.resultBytesMax
      || (lines > 0 && MonotonicTime.now().nanoseconds >= windowEnd)
  }

  private mutating func run(_ line: BatchLine) -> LineStop? {
    switch line.content {
    case .failure(let fault):
      take(line, .rejected, fault.error, id: fault.id)
      return nil
    case .success(let job): return run(line, job)
    }
  }

  private mutating func run(_ line: BatchLine, _ job: Job) -> LineStop? {
    let statements = session.lineStatements
    do throws(SQLiteError) {
      session.connection.resetCounters()
      session.connection.authorizer.subject = .engine
      try statements.savepoint.run()
      if let id = job.id,
        let first = try session.ledger.firstUse(ofID: id, on: session.connection)
      {
        try statements.release.run()
        takeKnown(line, id, first)
        return nil
      }
    } catch {
      return .lost(.environment(error))
    }
    do throws(JobStop) {
      let executed = try session.transactions.execute(
        job, of: batch.ticket.name, unshareable: isShared ? [.temporary] : [], isLine: true,
        on: session.connection)
      try finish(line, job, executed)
      return nil
    } catch {
      return undo(line, job, error)
    }
  }

  private mutating func finish(
    _ line: BatchLine, _ job: Job, _ executed: ExecutedStatements
  ) throws(JobStop) {
    do throws(SQLiteError) {
      session.connection.authorizer.subject = .engine
      if let id = job.id {
        let use = Ledger.FirstUse(
          hash: line.hash, job: batch.ticket.name, commit: commit, statements: executed.json)
        try session.ledger.remember(
          id: id, firstUse: use, finished: started, on: session.connection)
      }
      try session.lineStatements.release.run()
    } catch {
      throw .environment(error)
    }
    progress.counts.done += 1
    begin(line, .done, id: job.id)
    writer.field("changes", executed.changes)
    if executed.returnsRows {
      writer.key("statements")
      writer.raw(executed.json)
    }
    end()
  }

  private mutating func undo(_ line: BatchLine, _ job: Job, _ stop: JobStop) -> LineStop? {
    // Nothing may be issued as if inside a transaction that is gone: it would commit by itself.
    if session.connection.isAutocommit { return .lost(loss(of: stop)) }
    do throws(SQLiteError) {
      session.connection.authorizer.subject = .engine
      try session.lineStatements.rollbackTo.run()
      try session.connection.execute("PRAGMA defer_foreign_keys=OFF")
      switch stop {
      case .failed(let error):
        try session.lineStatements.release.run()
        take(line, .failed, error, id: job.id)
        // The deadline of this line must not stop the next one.
        if session.connection.interrupt.reason == .timeout {
          session.connection.interrupt.arm(groupDeadline: windowEnd, runsAlone: true)
        }
        return nil
      case .rejected(let error):
        try session.lineStatements.release.run()
        take(line, .rejected, error, id: job.id)
        return nil
      case .needsOwnConnection: return .needsOwnConnection
      case .interrupted(let reason): return .lost(.interrupted(reason))
      case .environment(let error): return .lost(.environment(error))
      case .needsWriter: preconditionFailure("the writer was told to go to the writer")
      }
    } catch {
      return .lost(.environment(error))
    }
  }

  private func loss(of stop: JobStop) -> TransactionLoss {
    switch stop {
    case .failed(let error), .rejected(let error):
      .job(error, started: started, seconds: MonotonicTime.now().seconds(since: clock))
    case .interrupted(let reason): .interrupted(reason)
    case .environment(let error): .environment(error)
    case .needsOwnConnection, .needsWriter:
      preconditionFailure("a transaction ended while a statement was only compiled")
    }
  }

  // MARK: Results of lines

  private mutating func begin(_ line: BatchLine, _ status: JobStatus, id: String?) {
    writer.beginObject()
    writer.field("line", line.number)
    writer.field("id", id)
    writer.field("status", status.name)
  }

  private mutating func end() {
    writer.endObject()
    writer.newline()
  }

  /// The outcome of an earlier job or line with the same id, as this one's.
  private mutating func takeKnown(_ line: BatchLine, _ id: String, _ first: Ledger.FirstUse) {
    guard first.hash == line.hash else {
      return take(line, .rejected, .duplicateID(id, of: first.job), id: id)
    }
    progress.counts.done += 1
    begin(line, .done, id: id)
    writer.field("duplicate_of", first.job)
    writer.field("commit", first.commit)
    writer.key("statements")
    writer.raw(first.statements)
    end()
  }

  /// A line that was not done is left over.
  private mutating func take(
    _ line: BatchLine, _ status: JobStatus, _ error: JobError, id: String? = nil
  ) {
    if progress.counts.notDone == 0 {
      leftover += reader.headerText
      progress.leftoverSQL = reader.headerSQL
    }
    if status == .rejected { progress.counts.rejected += 1 } else { progress.counts.failed += 1 }
    leftover += reader.leftover(after: &progress.leftoverSQL)
    begin(line, status, id: id)
    writer.error(error)
    end()
  }
}

/// What every line of a batch is wrapped in.
struct LineStatements {
  let savepoint: Statement
  let rollbackTo: Statement
  let release: Statement

  init(on connection: borrowing Connection) throws(SQLiteError) {
    savepoint = try connection.prepareOwn("SAVEPOINT line")
    rollbackTo = try connection.prepareOwn("ROLLBACK TO line")
    release = try connection.prepareOwn("RELEASE line")
  }
}
