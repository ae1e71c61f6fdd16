/// A script that is read while it runs, so that memory does not grow with its size.
///
/// Says where the text is; any thread may hold it.
public protocol ScriptSource: Sendable {
  /// Opens it at its first statement.
  func open() throws(StreamFailure) -> any ScriptReader
  /// `ContentHash` of the whole text, which is read for it where it is not known.
  func contentHash() throws(StreamFailure) -> UInt64
}

/// Reads a script statement by statement; one thread.
public protocol ScriptReader: AnyObject {
  /// The next statement, or nil at the end.
  /// - Throws: `.unfit` for what no script may hold, `.changed` where the text is not the one that
  ///   was claimed.
  func next() throws(StreamFailure) -> ScriptStatement?
  /// `ContentHash` of the whole text once `next` has given nil.
  var contentHash: UInt64? { get }
}

/// One statement of a script.
public struct ScriptStatement {
  /// Its text from the first word on; lent until the next call of the reader.
  public var text: UnsafeBufferPointer<UInt8>
  /// The physical line of that word, from 1.
  public var line: Int

  public init(text: UnsafeBufferPointer<UInt8>, line: Int) {
    self.text = text
    self.line = line
  }

  /// The line that a byte of the text is in.
  func line(ofByte offset: Int) -> Int {
    text.prefix(offset).reduce(line) { $1 == 0x0a ? $0 + 1 : $0 }
  }
}

/// A batch whose lines are jobs of their own, read chunk by chunk; any thread may hold it.
public protocol BatchSource: Sendable {
  /// Opens it where the last chunk ended, or at its first line.
  func open(at place: BatchPlace?) throws(StreamFailure) -> any BatchReader
}

/// Reads a batch line by line; one thread.
public protocol BatchReader: AnyObject {
  /// The next line that is not blank, or nil at the end.
  func next() throws(StreamFailure) -> BatchLine?
  /// The header as it is written, with its line's end; empty without one.
  var headerText: [UInt8] { get }
  /// The SQL that the header gives.
  var headerSQL: String? { get }
  /// How the line that `next` gave last has to be written where `sql` holds: its own bytes, or with
  /// the SQL put back that it took over from a line before it.
  func leftover(after sql: inout String?) -> [UInt8]
  /// Where the next line begins.
  /// - Throws: `.changed` where the file was changed or replaced since it was claimed.
  func place() throws(StreamFailure) -> BatchPlace
}

/// One line of a batch.
public struct BatchLine: Sendable {
  /// The physical line, from 1.
  public var number: Int
  public var content: Result<Job, BatchLineFault>
  /// `ContentHash` of the line with the database and the SQL in force; 0 where it has no id.
  public var hash: UInt64

  public init(number: Int, content: Result<Job, BatchLineFault>, hash: UInt64) {
    self.number = number
    self.content = content
    self.hash = hash
  }
}

/// Why a line is no job.
public struct BatchLineFault: Error, Sendable {
  public var error: JobError
  public var id: String?

  public init(error: JobError, id: String?) {
    self.error = error
    self.id = id
  }
}

/// A place between two lines of a batch, with what must still be true of its file there.
public struct BatchPlace: Sendable, Equatable {
  /// Bytes before it.
  public var offset: Int64
  /// Physical lines before it.
  public var line: Int
  /// The SQL that a line without its own runs.
  public var sql: String?
  public var inode: UInt64
  public var size: Int64
  /// Nanoseconds since 1970.
  public var modified: Int64
  /// `ContentHash` of the last bytes before it, at most `tailBytes`.
  public var tail: UInt64

  public static let tailBytes = 4096

  public init(
    offset: Int64, line: Int, sql: String?, inode: UInt64, size: Int64, modified: Int64,
    tail: UInt64
  ) {
    self.offset = offset
    self.line = line
    self.sql = sql
    self.inode = inode
    self.size = size
    self.modified = modified
    self.tail = tail
  }
}

/// Why a stream gives no more.
public enum StreamFailure: Error, Sendable {
  /// The machine could not read it; trying again may help.
  case unreadable(String)
  /// It is not the file that was claimed any more.
  case changed(String)
  /// It holds what it may not.
  case unfit(JobError)
}

/// What a streamed body carries: equal to itself only, since a stream is read once.
public struct StreamedBody<Source: Sendable>: Sendable, Equatable {
  public let source: Source
  private final class Identity: Sendable {}
  private let identity = Identity()

  public init(_ source: Source) { self.source = source }

  public static func == (left: Self, right: Self) -> Bool { left.identity === right.identity }
}

/// How the lines of a batch ended; blank lines and the header do not count.
public struct LineCounts: Sendable, Equatable {
  public var done: Int64 = 0
  public var failed: Int64 = 0
  public var rejected: Int64 = 0

  public init() {}

  public var total: Int64 { done + failed + rejected }
  public var notDone: Int64 { failed + rejected }
}
