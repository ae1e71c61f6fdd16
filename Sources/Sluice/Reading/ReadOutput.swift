import SQLite

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
  private let document: ResultDocument
  private(set) var streamed: StreamedResult?
  /// Set where the sink failed; the execution then ended for that reason alone.
  private(set) var failure: StorageFailure?

  /// - Parameter document: the result if all goes well, as far as it is known before the end.
  init(_ ticket: JobTicket, store: (any RowStore)?, document: ResultDocument) {
    self.ticket = ticket
    self.store = store
    self.document = document
  }

  /// Whether the whole result document is in the sink.
  var holdsResult: Bool {
    if case .result = streamed { return true }
    return false
  }

  /// Takes what has been rendered of the statements so far, if it is enough.
  func offer(_ bytes: inout [UInt8]) throws(JobStop) {
    switch streamed {
    case nil:
      guard bytes.count >= Self.resultMax, let sink = store?.begin(.result, of: ticket) else {
        return
      }
      streamed = .result(sink)
      var head = document.renderedAround().head
      try write(&head, to: sink)
      try write(&bytes, to: sink)
    case .result(let sink):
      if bytes.count >= Self.piece { try write(&bytes, to: sink) }
    case .rows: return
    }
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

  private func write(_ bytes: inout [UInt8], to sink: any RowSink) throws(JobStop) {
    do throws(StorageFailure) {
      try sink.write(&bytes)
    } catch {
      fail(error)
      throw .environment(
        SQLiteError(code: error.isFull ? 13 : 10, message: error.message))
    }
  }

  /// Ends the sink, if there is one.
  ///
  /// - Parameters:
  ///   - document: the finished result.
  ///   - statements: the last bytes of its statements.
  /// - Returns: why it could not be kept, or nil.
  func finish(_ document: ResultDocument, _ statements: [UInt8]) -> StorageFailure? {
    guard let streamed else { return nil }
    do throws(StorageFailure) {
      if case .result(let sink) = streamed {
        var rest = statements + document.renderedAround().tail
        try sink.write(&rest)
      }
      try streamed.sink.finish()
      return nil
    } catch {
      fail(error)
      return error
    }
  }

  private func fail(_ error: StorageFailure) {
    failure = error
    // Lets go of the sink, and so of the room that it takes.
    streamed = nil
  }
}
