import JSON
import SQLite

/// How one turn of a batch ended inside a transaction that is still open, or took it down.
enum ChunkEnd {
  /// The chunk's row is in; once it is committed, the batch waits for its next turn.
  case goesOn(QueuedWrite)
  /// It was the last one, and the batch's ledger row is in.
  case ended(Outcome)
  /// The transaction is of no use; the batch is to run again, with care.
  case again(QueuedWrite)
  /// Likewise, for no fault of the batch's.
  case lost(TransactionLoss, QueuedWrite)
  /// The transaction is of no use, and the batch ends where the last chunk ended.
  case endsEarly(EndedWrite)
  /// The machine could not read the file.
  case unreadable(String, QueuedWrite)
}

/// Runs a batch chunk by chunk inside transactions that its caller begins and ends; used on the
/// writer's thread.
///
/// Each line has a savepoint of its own, as a job in a group has. A chunk is short enough that
/// others pass between two of them.
final class BatchExecution {
  /// Batches whose files stay open between their turns.
  private static let readersMax = 8

  private let configuration: EngineConfiguration
  private var readers: [Int64: (reader: any BatchReader, atChunk: Int64)] = [:]

  init(_ configuration: EngineConfiguration) { self.configuration = configuration }

  /// The batch is over, or its file must be looked at anew.
  func forget(_ sequence: Int64) { readers[sequence] = nil }

  /// Runs the next chunk.
  ///
  /// - Parameters:
  ///   - windowEnd: no line begins after it, in monotonic nanoseconds.
  ///   - isShared: whether the connection is others' too.
  func runChunk(
    _ write: QueuedWrite, _ source: any BatchSource, commit: Int64, windowEnd: Int64,
    isShared: Bool, in session: WriterSession
  ) -> ChunkEnd {
    var write = write
    let sequence = write.ticket.sequence
    do throws(SQLiteError) {
      if write.progress == nil {
        write.progress = try session.chunks.progress(of: sequence, on: session.connection)
      }
    } catch {
      return .lost(.environment(error), write)
    }
    let progress = write.progress ?? BatchProgress()
    do throws(StreamFailure) {
      let reader = try reader(of: sequence, progress, source)
      var chunk = ChunkRun(
        batch: write, progress: progress, commit: commit, windowEnd: windowEnd, isShared: isShared,
        session: session, reader: reader)
      if let stop = try chunk.runLines() {
        forget(sequence)
        return end(of: stop, write, afterLines: chunk.lines)
      }
      return try record(chunk)
    } catch {
      forget(sequence)
      switch error {
      case .unreadable(let message): return .unreadable(message, write)
      case .changed(let message):
        let failure = JobError(
          .request, SluiceCode.badFile, message,
          hint: "leave files alone once they are claimed; failed/ has what is left")
        return .endsEarly(
          EndedWrite(
            write: write, status: .failed, error: failure, started: progress.started,
            finished: .now()))
      case .unfit(let failure):
        return .endsEarly(
          EndedWrite(
            write: write, status: .rejected, error: failure, started: progress.started,
            finished: .now()))
      }
    }
  }

  private func reader(
    of sequence: Int64, _ progress: BatchProgress, _ source: any BatchSource
  ) throws(StreamFailure) -> any BatchReader {
    if let known = readers[sequence], known.atChunk == progress.chunks { return known.reader }
    if readers.count >= Self.readersMax { readers.removeAll() }
    let reader = try source.open(at: progress.place)
    readers[sequence] = (reader, progress.chunks)
    return reader
  }

  /// What becomes of a batch whose line ended the transaction.
  private func end(of stop: LineStop, _ write: QueuedWrite, afterLines lines: Int) -> ChunkEnd {
    var write = write
    if lines > 0 { write.progress?.caution = .stopAfter(lines: lines) }
    switch stop {
    case .needsOwnConnection:
      if lines == 0 { write.progress?.caution = .ownConnection }
      return .again(write)
    case .lost(.job(let error, _, _)):
      if lines == 0 { write.progress?.caution = .condemned(error) }
      return .again(write)
    case .lost(let loss):
      return .lost(loss, write)
    }
  }

  // MARK: The end of a chunk

  private func record(_ chunk: ChunkRun) throws(StreamFailure) -> ChunkEnd {
    var write = chunk.batch
    var progress = chunk.progress
    progress.place = try chunk.reader.place()
    progress.commit = chunk.commit
    progress.caution = .none
    progress.started = progress.started ?? chunk.started
    progress.ran += MonotonicTime.now().seconds(since: chunk.clock)
    do throws(SQLiteError) {
      var row = ChunkLedger.Row(
        sequence: write.ticket.sequence, commit: chunk.commit, progress: progress, ended: nil,
        leavesRest: false, results: chunk.writer.bytes, leftover: chunk.leftover)
      guard chunk.isLast else {
        try chunk.session.chunks.record(row, on: chunk.session.connection)
        progress.chunks += 1
        write.progress = progress
        write.preemptions = 0
        write.storageFailures = 0
        write.failedAttempts = 0
        readers[write.ticket.sequence] = (chunk.reader, progress.chunks)
        return .goesOn(write)
      }
      forget(write.ticket.sequence)
      let isDone = progress.counts.notDone == 0
      let outcome = try recordEnd(
        of: write, progress, isDone ? .done : .failed,
        isDone ? nil : .someLines(progress.counts), finished: .now(), &row, chunk.session)
      return .ended(outcome)
    } catch {
      forget(write.ticket.sequence)
      return .lost(.environment(error), write)
    }
  }

  private func recordEnd(
    of write: QueuedWrite, _ progress: BatchProgress, _ status: JobStatus, _ error: JobError?,
    finished: Timestamp, _ row: inout ChunkLedger.Row, _ session: WriterSession
  ) throws(SQLiteError) -> Outcome {
    var document = ResultDocument(of: write.ticket, status: status, finished: finished)
    document.attempts = write.failedAttempts + 1
    document.started = progress.started
    document.ran = progress.ran
    document.commit = progress.commit
    document.lines = progress.counts
    document.error = error
    let result = document.rendered()
    let key = try session.ledger.record(
      write.ticket, status: status, finished: finished, result: result, on: session.connection)
    row.ended = key
    try session.chunks.record(row, on: session.connection)
    return Outcome(
      ticket: write.ticket, status: status, durability: .ledger(key: key), result: result)
  }

  /// Records a batch that ends before its last line, in the present transaction.
  func record(
    _ ended: EndedWrite, in session: WriterSession
  ) throws(SQLiteError) -> Outcome {
    let sequence = ended.write.ticket.sequence
    forget(sequence)
    var progress = try session.chunks.progress(of: sequence, on: session.connection)
    progress.started = ended.started ?? progress.started
    progress.ran = ended.write.progress?.ran ?? 0
    var row = ChunkLedger.Row(
      sequence: sequence, commit: progress.commit ?? 0, progress: progress, ended: nil,
      leavesRest: true, results: [], leftover: [])
    return try recordEnd(
      of: ended.write, progress, ended.status, ended.error, finished: ended.finished, &row, session)
  }

}

extension JobError {
  static func someLines(_ counts: LineCounts) -> JobError {
    JobError(
      .request, SluiceCode.lines, "\(counts.notDone) of \(counts.total) lines were not done",
      hint: "results/ says why, line by line; mend the file in failed/ and drop it again")
  }

  static func duplicateID(_ id: String, of first: String) -> JobError {
    JobError(
      .request, SluiceCode.duplicate, "the id \(id) was used by \(first) with other content",
      hint: "give the job an id of its own, or drop it again byte for byte")
  }
}
