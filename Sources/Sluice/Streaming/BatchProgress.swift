/// How far a batch has come: the sum of its committed chunks, and what the next one must mind.
struct BatchProgress: Sendable {
  /// Chunks that are committed; the next one's number.
  var chunks: Int64 = 0
  /// nil before the first chunk.
  var place: BatchPlace?
  var counts = LineCounts()
  /// The SQL that holds behind what is left over so far.
  var leftoverSQL: String?
  /// The transaction of the last chunk.
  var commit: Int64?
  /// When the first chunk of this run began, and the seconds that all of them took.
  var started: Timestamp?
  var ran = 0.0
  var caution = Caution.none

  /// A line that takes its transaction down is met again with nothing in front of it, so that it
  /// harms no other.
  enum Caution: Sendable {
    case none
    /// The next chunk ends after so many lines, before the one that was met.
    case stopAfter(lines: Int)
    /// The next line needs a connection of its own.
    case ownConnection
    /// The next line is not run again: it took a transaction down that it had for itself.
    case condemned(JobError)
  }

  var needsOwnConnection: Bool {
    if case .ownConnection = caution { true } else { false }
  }
}

/// One committed part of a batch, as it is published.
public struct BatchChunk: Sendable {
  /// Results of its lines, a JSON text each.
  public var results: [UInt8]
  /// The lines that were not done, ready to be dropped again.
  public var leftover: [UInt8]
  /// Where it ended.
  public var offset: Int64
  public var line: Int
  /// The SQL in force there: in the file, and behind what is left over.
  public var sql: String?
  public var leftoverSQL: String?
  /// The batch ended here although there was more to read: that is left over too.
  public var leavesRest: Bool
}
