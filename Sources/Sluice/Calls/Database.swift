import Synchronization

@_exported import enum SQLite.Value

/// One SQLite database for a program that schedules its own reads and writes, without a spool: each
/// call is a job with a priority, and is answered to whoever awaits it.
///
/// ```swift
/// let database = try Database(EngineConfiguration(path: "app.db"))
/// try await database.transactions.run(
///   "INSERT INTO visit(at) VALUES(?)", [.integer(1)], priority: .bulk)
/// let answer = try await database.cursor.read("SELECT count(*) FROM visit", priority: .urgent)
/// await database.close()
/// ```
///
/// A write is durable when its call returns, and shares its commit with others that wait; its
/// outcome is a row of `_sluice_ledger` in the same transaction, forgotten after `retention`. The
/// `engine` tells the rest: its ``Engine/pool`` and ``Engine/cache``, ``Engine/snapshot()`` with
/// what the ``QueryMonitor`` noted, ``Engine/tune(_:)``.
///
/// Any method may be called from any thread or task; no call blocks the one it is made on. Calls are
/// not queued on disk: those that wait when the process dies are lost, without any effect.
public final class Database: Sendable {
  public let engine: Engine
  private let calls = CallTable()
  private let retention: Double
  private let writes = Atomic<Int>(0)

  /// Writes after which the ledger is told that their outcomes were taken, and forgets old ones.
  private static let writesPerPruning = 1000

  /// Opens the database, which is made where it is missing, and starts its threads.
  ///
  /// - Parameters:
  ///   - retention: seconds for which the `id` of a write is remembered.
  ///   - report: told what an operator should know, a line each, on a thread of the engine's.
  /// - Throws: kind `.connection` or `.storage` where the database cannot be opened.
  public init(
    _ configuration: EngineConfiguration, retention: Double = 7 * 86_400,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(JobError) {
    self.retention = retention
    let calls = calls
    engine = try Engine(
      configuration, observer: NobodyObserves(), rows: calls, report: report,
      deliver: { calls.answer($0) })
  }

  deinit { stop() }

  /// Writes, and whatever must be one transaction.
  public var transactions: TransactionManager { TransactionManager(self) }

  /// Reads.
  public var cursor: ParallelCursor { ParallelCursor(self) }

  /// Ends the threads. Calls that are not answered yet throw kind `.worker` and have no effect;
  /// later ones likewise.
  public func close() async {
    await withCheckedContinuation { continuation in
      // Joining threads blocks, which Swift's cooperative pool must not.
      let thread = try? OwnedThread(name: "close") { [self] in
        stop()
        continuation.resume()
      }
      if thread == nil {
        stop()
        continuation.resume()
      }
    }
  }

  private func stop() {
    engine.stop()
    calls.close()
  }

  /// Has a job done.
  /// - Parameter limit: seconds after which it is given up, waiting included; nil for never.
  /// - Throws: why it is not `done`. A task that is cancelled gives its job up.
  func call(_ job: Job, _ priority: Priority, limit: Double?) async throws(JobError) -> CallResult {
    let sequence = calls.nextSequence()
    let ticket = JobTicket(job, sequence: sequence, priority: priority)
    let timer = limit.map { pursuit(of: sequence, as: .expired, after: $0) }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if calls.add(sequence, continuation) { engine.submit([ticket]) }
        // A cancel before there was anything to end has been in vain.
        if Task.isCancelled { _ = pursuit(of: sequence, as: .cancelled, after: 0) }
      }
    } onCancel: {
      _ = pursuit(of: sequence, as: .cancelled, after: 0)
    }
    timer?.cancel()
    guard let outcome else { throw .databaseClosed }
    noteWrite(outcome)
    return try CallResult(of: outcome)
  }

  /// Has a read's rows passed on as they come; it begins at once.
  func stream(_ job: Job, _ priority: Priority, timeout: Double) -> RowPipe {
    let sequence = calls.nextSequence()
    let pipe = RowPipe(timeout: timeout) { [engine] in engine.end(sequence, as: .cancelled) }
    if calls.add(sequence, pipe) {
      engine.submit([JobTicket(job, sequence: sequence, priority: priority)])
    }
    return pipe
  }

  /// Ends a job early. One that is on its way from one place to another is not met, so it is tried
  /// until the call is answered.
  private func pursuit(
    of sequence: Int64, as end: EarlyEnd, after seconds: Double
  ) -> Task<Void, Never> {
    let (engine, calls) = (engine, calls)
    return Task.detached {
      var pause = Duration.seconds(min(max(0, seconds), 1e9))
      while true {
        do { try await Task.sleep(for: pause) } catch { return }
        guard calls.isAwaited(sequence) else { return }
        engine.end(sequence, as: end)
        pause = .milliseconds(5)
      }
    }
  }

  private func noteWrite(_ outcome: Outcome) {
    guard case .ledger(let key) = outcome.durability else { return }
    // From the first one on: a program may be too short-lived for many.
    let before = writes.wrappingAdd(1, ordering: .relaxed).oldValue
    guard before % Self.writesPerPruning == 0 else { return }
    engine.settle(through: key)
    engine.forget(before: .now().advanced(bySeconds: -retention), most: 2 * Self.writesPerPruning)
  }
}

extension JobError {
  /// The engine was stopped before the call was answered.
  static let databaseClosed = JobError(
    .worker, SluiceCode.cancelled, "the database was closed before the call was answered",
    hint: "the call has no effect; make it again where the database is open")
}

extension JobTicket {
  /// Of a call, which no file stands behind.
  convenience init(_ job: Job, sequence: Int64, priority: Priority) {
    // What makes two calls of one id the same.
    let hash = job.id == nil ? 0 : ContentHash.of(String(describing: job.statements).utf8)
    self.init(
      sequence: sequence, name: job.id ?? "call-\(sequence)",
      identity: FileIdentity(device: 0, inode: 0, birth: 0, modified: 0, size: 0, hash: hash),
      job: job, priority: priority, arrived: .now())
  }
}

/// Nobody asks after a crash what a program was doing.
private struct NobodyObserves: RunObserver {
  func writerStarts(sequence: Int64, index: Int) {}
  func writerRests() {}
  func reader(_ slot: Int, starts sequence: Int64) {}
  func readerRests(_ slot: Int) {}
}
