import JSON
import SQLite

/// Carries rows from a reader's thread to a task, some 64 KiB at a time; holds the reader back while
/// nobody takes them.
///
/// `write` and `finish` are the reader's, `next` and `cancel` the task's; `end` may be called from
/// any thread.
final class RowPipe: RowSink {
  private enum Taken {
    case rows([[Value]])
    case ended(JobError?)
  }

  private struct State: Sendable {
    /// Lines of JSON, one row each.
    var pieces: [[UInt8]] = []
    var waiting: CheckedContinuation<Void, Never>?
    var hasEnded = false
    var error: JobError?
    var isCancelled = false
  }

  /// Pieces that wait to be taken; the reader's snapshot lives as long as it is held back, so a
  /// little ahead is as good as much.
  private static let piecesMax = 4

  let name = "rows"
  private let state = Monitor(State())
  private let timeout: Double
  private let began = MonotonicTime.now()
  private let stop: @Sendable () -> Void

  /// - Parameters:
  ///   - timeout: seconds from now for which the reader is held back at most.
  ///   - stop: ends the read.
  init(timeout: Double, stop: @escaping @Sendable () -> Void) {
    self.timeout = timeout
    self.stop = stop
  }

  // MARK: The reader

  func write(_ bytes: inout [UInt8]) throws(StorageFailure) {
    let piece = bytes
    bytes.removeAll(keepingCapacity: true)
    if piece.isEmpty { return }
    let deadline = began.advanced(bySeconds: timeout)
    let waiting = state.wait(until: deadline) { state -> CheckedContinuation<Void, Never>?? in
      if state.isCancelled || state.hasEnded { return .some(nil) }
      guard state.pieces.count < Self.piecesMax else { return nil }
      state.pieces.append(piece)
      return .some(Self.wake(&state))
    }
    switch waiting {
    case .some(let waiting): waiting?.resume()
    case nil: end(.notTaken(within: timeout))
    }
    if state.withLock({ $0.isCancelled || $0.hasEnded }) { stop() }
  }

  func finish() throws(StorageFailure) {}

  /// No more rows come; the first word counts.
  func end(_ error: JobError?) {
    let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.hasEnded { return nil }
      state.hasEnded = true
      state.error = error
      return Self.wake(&state)
    }
    state.signal()
    waiting?.resume()
  }

  private static func wake(_ state: inout State) -> CheckedContinuation<Void, Never>? {
    defer { state.waiting = nil }
    return state.waiting
  }

  // MARK: The task

  /// The next rows, at least one; nil after the last.
  func next() async throws(JobError) -> [[Value]]? {
    while true {
      let taken = state.withLock { state -> Taken? in
        if !state.pieces.isEmpty { return .rows(Self.rows(in: state.pieces.removeFirst())) }
        return state.hasEnded ? .ended(state.error) : nil
      }
      switch taken {
      case .rows(let rows):
        state.signal()
        return rows
      case .ended(let error?): throw error
      case .ended(nil): return nil
      case nil: await arrival()
      }
    }
  }

  /// Returns when there may be more, or when the task is cancelled, which ends the read.
  private func arrival() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if !state.pieces.isEmpty || state.hasEnded { return true }
          state.waiting = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      end(.cancelled)
      cancel()
    }
  }

  /// Nobody takes rows any more.
  func cancel() {
    let isNews = state.withLock { state in
      defer {
        state.isCancelled = true
        state.pieces.removeAll()
      }
      return !state.isCancelled && !state.hasEnded
    }
    state.signal()
    if isNews { stop() }
  }

  private static func rows(in piece: [UInt8]) -> [[Value]] {
    piece.split(separator: UInt8(ascii: "\n")).map { line in
      guard let row = try? JSONReader.parse(line), let values = row.array else {
        preconditionFailure("a row that was written as JSON cannot be read")
      }
      return values.map { Value(resultNode: $0) }
    }
  }
}

extension JobError {
  fileprivate static func notTaken(within seconds: Double) -> JobError {
    JobError(
      .timeout, SluiceCode.timeout, "the rows were not taken within \(seconds) s",
      hint: "take them faster, or give the read a longer timeout; it holds a snapshot meanwhile")
  }
}
