/// Which tables a statement uses, as the authorizer saw while SQLite compiled it: also through
/// views, triggers and foreign-key actions.
///
/// Names are folded to lower case within ASCII, as SQLite compares them, without the database.
public struct TableUse: Sendable, Equatable {
  /// Tables and views read; noted on connections for reads only.
  public var read: Set<String> = []
  /// Tables of which rows may be inserted, updated or deleted.
  public var written: Set<String> = []
  /// It may change more than rows: the schema, statistics, a value that a PRAGMA sets.
  public var changesMore = false

  public init(read: Set<String> = [], written: Set<String> = [], changesMore: Bool = false) {
    self.read = read
    self.written = written
    self.changesMore = changesMore
  }

  /// Whether it changes nothing.
  public var isReading: Bool { written.isEmpty && !changesMore }

  public mutating func formUnion(_ other: TableUse) {
    read.formUnion(other.read)
    written.formUnion(other.written)
    changesMore = changesMore || other.changesMore
  }

  /// `name` as it stands in the sets.
  public static func folded(_ name: String) -> String {
    var name = name
    return name.withUTF8 { folded($0) }
  }

  static func folded(_ name: UnsafePointer<CChar>) -> String {
    var count = 0
    while name[count] != 0 { count += 1 }
    return UnsafeBufferPointer(start: name, count: count)
      .withMemoryRebound(to: UInt8.self) { folded($0) }
  }

  private static func folded(_ name: UnsafeBufferPointer<UInt8>) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: name.count) { buffer in
      for (index, byte) in name.enumerated() {
        buffer[index] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
      }
      return String(decoding: UnsafeBufferPointer(buffer), as: UTF8.self)
    }
  }
}
