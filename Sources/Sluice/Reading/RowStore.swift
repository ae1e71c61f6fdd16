/// Where reads put what is too long for memory; the engine itself knows no files.
///
/// Any method may be called from any thread.
public protocol RowStore: Sendable {
  /// Opens an empty sink; nothing is written before it takes its first bytes.
  func begin(_ content: StreamedContent, of ticket: JobTicket) -> any RowSink
  /// Whether there is room for something of ordinary size, after a sink has failed for want of it.
  func hasRoom() -> Bool
}

/// What a sink holds in the end.
public enum StreamedContent: Sendable, Equatable {
  /// The whole result document.
  case result
  /// The rows of one statement, in a format that puts them into a file of their own.
  case rows(ResultFormat)
}

/// Takes the bytes of one read in order. What has not been finished is dropped with the sink.
///
/// Used by one thread at a time: the reader's, then that of whoever publishes it.
public protocol RowSink: AnyObject, Sendable {
  /// What a result calls the file with the rows.
  var name: String { get }
  /// Takes over the bytes; the buffer comes back empty.
  func write(_ bytes: inout [UInt8]) throws(StorageFailure)
  /// All is written; from here on only publishing is left, and no error of writing is still open.
  func finish() throws(StorageFailure)
}

/// The machine could not keep what a read returns.
public struct StorageFailure: Error, Sendable, Equatable {
  /// One line that names the file and the reason.
  public var message: String
  /// There is no room, rather than something broken.
  public var isFull: Bool

  public init(_ message: String, isFull: Bool) {
    self.message = message
    self.isFull = isFull
  }
}

/// A finished sink on its way to be published.
public enum StreamedResult: Sendable {
  /// It is the whole result.
  case result(any RowSink)
  /// It holds the rows, and goes before the result that names it.
  case rows(any RowSink)

  public var sink: any RowSink {
    switch self {
    case .result(let sink), .rows(let sink): sink
    }
  }
}
