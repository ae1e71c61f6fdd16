import Sluice
import Spool

/// Opens one database on a thread of its own for as long as that takes, so that one that is locked
/// or broken holds up none of the others.
///
/// Any thread.
final class DatabaseOpening: Sendable {
  private struct State: Sendable {
    /// Opened; its writer may still be waiting for a lock.
    var engine: Engine?
    /// The writer has answered: the database can be worked on.
    var isReady = false
    /// Of the last attempt, where that has failed.
    var failure: WorkerError?
    var isStopping = false
  }

  let database: String
  private let state: Monitor<State>
  private let thread: OwnedThread

  /// Seconds between two attempts.
  private static let patience = 2.0

  /// - Parameters:
  ///   - open: opens it; called until it succeeds.
  ///   - wake: called when the database can be worked on, from another thread.
  init(
    _ database: String, wake: @escaping @Sendable () -> Void,
    open: @escaping @Sendable () throws(WorkerError) -> Engine
  ) throws(ThreadError) {
    self.database = database
    let state = Monitor(State())
    self.state = state
    thread = try OwnedThread(name: "open-\(database)") {
      while !Self.attempt(state, open) {
        let next = MonotonicTime.now().advanced(bySeconds: Self.patience)
        if state.wait(until: next, { $0.isStopping ? true : nil }) == true { return }
      }
      wake()
    }
  }

  /// - Returns: whether there is no more to be done.
  private static func attempt(
    _ state: Monitor<State>, _ open: () throws(WorkerError) -> Engine
  ) -> Bool {
    var opened: Engine?
    do {
      let engine = try open()
      opened = engine
      let isStopping = state.withLock { state in
        state.engine = engine
        return state.isStopping
      }
      if isStopping {
        engine.stop()
        return true
      }
      // Answered once the writer has the database, whatever lock it has to wait for.
      _ = try engine.unsettledRows()
      state.withLock { state in
        state.isReady = true
        state.failure = nil
      }
      state.broadcast()
      return true
    } catch {
      let isStopping = state.withLock { state in
        state.engine = nil
        state.failure = WorkerError(error)
        return state.isStopping
      }
      state.broadcast()
      if !isStopping { opened?.stop() }
      return isStopping
    }
  }

  /// What is known of it.
  enum Finding {
    case ready(Engine)
    /// It cannot be opened; it is tried again.
    case failed(WorkerError)
    case waiting
  }

  var finding: Finding { state.withLock { Self.finding($0) } }

  /// Waits until it is ready or has failed; without a deadline for ever.
  func wait(until deadline: MonotonicTime?) -> Finding {
    state.wait(until: deadline) { state -> Finding? in
      let finding = Self.finding(state)
      if case .waiting = finding { return nil }
      return finding
    } ?? .waiting
  }

  private static func finding(_ state: State) -> Finding {
    if state.isReady, let engine = state.engine { return .ready(engine) }
    return state.failure.map { .failed($0) } ?? .waiting
  }

  /// The engine was taken.
  func finish() { thread.join() }

  /// Gives up; for one whose engine nobody has taken.
  func stop() {
    let engine = state.withLock { state in
      state.isStopping = true
      return state.engine
    }
    state.broadcast()
    engine?.stop()
    thread.join()
  }
}
