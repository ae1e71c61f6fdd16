import SQLite

/// Where the files are whose rows imports load; any thread may hold it.
public protocol ImportSource: Sendable {
  /// Opens the file of an import where the last chunk ended, or at the first row of its `fromLine`.
  /// - Throws: `.changed` where it is not the file that the place is from.
  func open(
    _ request: ImportRequest, at place: ImportPlace?
  ) throws(StreamFailure) -> any ImportReader
}

/// Reads the rows of a file in order; one thread.
public protocol ImportReader: AnyObject {
  /// What a header names the columns; nil where there is none.
  var header: [String]? { get }
  /// Reads the next row, a bad one too; false at the end.
  func next(_ row: inout ImportRow) throws(StreamFailure) -> Bool
  /// Where the next row begins, with what is true of the file there.
  /// - Throws: `.changed` where the file is not what it was when it was opened.
  func place() throws(StreamFailure) -> ImportPlace
}

/// One row of a file, in storage that is used again for the next one.
public struct ImportRow: Sendable {
  /// The physical line it begins in, from 1.
  public var line = 0
  /// CSV: its fields' text, one behind the other.
  public var text: [UInt8] = []
  /// CSV: where each field ends in `text`; negative (-1 - end) for one that is NULL.
  public var ends: [Int] = []
  /// JSON: its values.
  public var values: [Value] = []
  /// JSON: the columns that the values are for, where the row says so.
  public var names: [String]?
  /// Why it is no row.
  public var fault: RowFault?
  /// Whether `ends` counts rather than `values`.
  public var isText = true

  public init() {}

  public var count: Int { isText ? ends.count : values.count }

  /// Empties it; the storage stays.
  public mutating func clear() {
    text.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    names = nil
    fault = nil
  }

  /// A copy of one value.
  public func value(_ index: Int) -> Value {
    guard isText else { return values[index] }
    let end = ends[index]
    if end < 0 { return .null }
    return .text(String(decoding: text[start(of: index)..<end], as: UTF8.self))
  }

  /// CSV: where a field begins in `text`.
  public func start(of index: Int) -> Int {
    guard index > 0 else { return 0 }
    let before = ends[index - 1]
    return before < 0 ? -1 - before : before
  }
}

/// What is wrong with a row.
public struct RowFault: Error, Sendable, Equatable {
  public var code: String
  public var message: String
  /// In CSV the number of the field, in JSON Lines the byte of the line; from 1.
  public var column: Int

  public init(_ message: String, column: Int, code: String = SluiceCode.badFile) {
    self.code = code
    self.message = message
    self.column = column
  }
}

/// A place between two rows of a file, with what must still be true of the file there.
public struct ImportPlace: Sendable, Equatable {
  /// Bytes before it.
  public var offset: Int64
  /// Physical lines before it.
  public var line: Int
  public var device: UInt64
  public var inode: UInt64
  public var size: Int64
  /// Nanoseconds since 1970.
  public var modified: Int64
  /// `ContentHash` of the last bytes before it, at most `tailBytes`.
  public var tail: UInt64

  public static let tailBytes = 4096

  public init(
    offset: Int64, line: Int, device: UInt64, inode: UInt64, size: Int64, modified: Int64,
    tail: UInt64
  ) {
    self.offset = offset
    self.line = line
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
    self.tail = tail
  }
}
