/// Moves what a read returns out of memory, piece by piece, once it is long.
///
/// A class, since the execution that fills it ends by throwing as well as by returning.
final class ReadOutput {
  /// Bytes of a result held in memory: what is longer becomes a file as it is written.
  static let resultMax = 256 << 10
  /// Bytes collected before they are written.
  static let piece = 64 << 10

  private let ticket: JobTicket
  private let store: (any RowStore)?
  private let head: [UInt8]
  private(set) var streamed: StreamedResult?
  /// Set where the sink failed; the execution then ended for that reason alone.
  private(set) var failure: StorageFailure?

  /// - Parameter head: what the result document begins with, up to its statements.
  init(_ ticket: JobTicket, store: (any RowStore)?, head: [UInt8]) {
    self.ticket = ticket
    self.store = store
    self.head = head
  }

  /// Takes what has been rendered of the statements so far, if it is enough.
  func offer(_ bytes: inout [UInt8]) throws(JobStop) {
    if case .rows = streamed { return }
    guard bytes.count >= (streamed == nil ? Self.resultMax : Self.piece) else { return }
    guard streamed != nil || store != nil else { return }
    try take(&bytes)
  }

  /// The sink for the rows of a job that wants them in a file of their own; nil where there is no
  /// place for files.
  func beginRows(_ format: ResultFormat) -> (any RowSink)? {
    guard let sink = store?.begin(.rows(format), of: ticket) else { return nil }
    streamed = .rows(sink)
    return sink
  }

  /// Writes rows to the sink of `beginRows`.
  func writeRows(_ bytes: inout [UInt8]) throws(JobStop) {
    guard let sink = streamed?.sink else { preconditionFailure("rows before beginRows") }
    try write(&bytes, to: sink)
  }

  private func take(_ bytes: inout [UInt8]) throws(JobStop) {
    if let sink = streamed?.sink { return try write(&bytes, to: sink) }
    guard let sink = store?.begin(.result, of: ticket) else { return }
    streamed = .result(sink)
    var start = head
    try write(&start, to: sink)
    try write(&bytes, to: sink)
  }

  private func write(_ bytes: inout [UInt8], to sink: any RowSink) throws(JobStop) {
    do throws(StorageFailure) {
      try sink.write(&bytes)
    } catch {
      throw failed(error)
    }
  }

  /// Ends the sink.
  /// - Parameter rest: the statements' last bytes with what the document ends with; taken only
  ///   where the whole result is in the sink.
  /// - Returns: whether they were taken.
  func finish(_ rest: () -> [UInt8]) throws(JobStop) -> Bool {
    guard let streamed else { return false }
    var isWhole = false
    if case .result(let sink) = streamed {
      var bytes = rest()
      try write(&bytes, to: sink)
      isWhole = true
    }
    do throws(StorageFailure) {
      try streamed.sink.finish()
    } catch {
      throw failed(error)
    }
    return isWhole
  }

  private func failed(_ error: StorageFailure) -> JobStop {
    failure = error
    streamed = nil
    let code: Int32 = error.isFull ? 13 : 10
    return .environment(.init(code: code, message: error.message))
  }
}
