/// The calls of a program that are not answered yet, and where their rows go.
///
/// Any method may be called from any thread.
final class CallTable: RowStore {
  typealias Continuation = CheckedContinuation<Outcome?, Never>

  private enum Caller: Sendable {
    /// Awaits the whole outcome.
    case awaiting(Continuation)
    /// Takes rows as they come.
    case streaming(RowPipe)
  }

  private struct State: Sendable {
    var callers: [Int64: Caller] = [:]
    var lastSequence: Int64 = 0
    var isClosed = false
  }

  private let state = Monitor(State())

  func nextSequence() -> Int64 {
    state.withLock { state in
      state.lastSequence += 1
      return state.lastSequence
    }
  }

  /// - Returns: false where nothing is taken on any more; the caller has been told then.
  func add(_ sequence: Int64, _ continuation: Continuation) -> Bool {
    if add(sequence, .awaiting(continuation)) { return true }
    continuation.resume(returning: nil)
    return false
  }

  func add(_ sequence: Int64, _ pipe: RowPipe) -> Bool {
    if add(sequence, .streaming(pipe)) { return true }
    pipe.end(.databaseClosed)
    return false
  }

  private func add(_ sequence: Int64, _ caller: Caller) -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      state.callers[sequence] = caller
      return true
    }
  }

  func isAwaited(_ sequence: Int64) -> Bool { state.withLock { $0.callers[sequence] != nil } }

  func answer(_ outcomes: [Outcome]) {
    for outcome in outcomes {
      let caller = state.withLock { $0.callers.removeValue(forKey: outcome.ticket.sequence) }
      switch caller {
      case .awaiting(let continuation): continuation.resume(returning: outcome)
      case .streaming(let pipe): pipe.end(CallResult.error(in: outcome))
      case nil: break
      }
    }
  }

  /// Tells all who still wait that there will be no answer.
  func close() {
    let left = state.withLock { state in
      state.isClosed = true
      defer { state.callers.removeAll() }
      return state.callers.values
    }
    for caller in left {
      switch caller {
      case .awaiting(let continuation): continuation.resume(returning: nil)
      case .streaming(let pipe): pipe.end(.databaseClosed)
      }
    }
  }

  // MARK: RowStore

  func begin(_ content: StreamedContent, of ticket: JobTicket) -> any RowSink {
    let caller = state.withLock { $0.callers[ticket.sequence] }
    if case .rows = content, case .streaming(let pipe) = caller { return pipe }
    return GatheredBytes()
  }

  func hasRoom() -> Bool { true }
}

/// A result that its caller wants in memory, however long it is.
final class GatheredBytes: RowSink {
  let name = "memory"
  private let gathered = Monitor<[UInt8]>([])

  var bytes: [UInt8] { gathered.withLock { $0 } }

  func write(_ bytes: inout [UInt8]) throws(StorageFailure) {
    gathered.withLock { $0 += bytes }
    bytes.removeAll(keepingCapacity: true)
  }

  func finish() throws(StorageFailure) {}
}
