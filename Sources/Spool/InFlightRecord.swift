import Sluice

/// Which jobs of one database are being run at this moment, kept where a killed process leaves it:
/// in the page cache of `.inflight-DATABASE`.
///
/// Written by `pwrite` and never synced: it answers only what a `kill -9` leaves to ask. The writer
/// thread has one region, each reader thread a slot of its own, so no lock is needed; different
/// threads may call for different regions.
public final class InFlightRecord: Sendable {
  /// Jobs of one group that are recorded; no group is larger.
  public static let groupMax = 4096
  /// Reader threads.
  public static let readersMax = 256
  private static let prefix = ".inflight-"

  // The file: the writer's numbers up to the first 0, then a number for each reader; 8 bytes each in
  // the machine's order (it never leaves the machine). 0 is nothing.
  private static let readersOffset = 8 * (groupMax + 1)
  private static let length = readersOffset + 8 * readersMax

  private let file: OpenFile
  /// What was in flight when the previous worker ended, by sequence number.
  public let left: Set<UInt64>

  /// Reads what is there and begins an empty record. The file's blocks are written whole, so that a
  /// disk that fills up later does not fail the notes.
  public init(_ layout: SpoolLayout, database: String) throws(FileError) {
    let name = Self.prefix + database
    left = Self.parse(try layout.root.contents(name) ?? [])
    file = try layout.root.openForUpdate(name)
    try file.write([UInt8](repeating: 0, count: Self.length), at: 0)
  }

  /// Notes the `index`-th job of the group that the writer runs. Writer thread only.
  public func begin(_ sequence: UInt64, index: Int) throws(FileError) {
    precondition((0..<Self.groupMax).contains(index), "job \(index) of a group")
    try note(sequence, 0, at: Int64(8 * index))
  }

  /// The group has ended, whichever way. Writer thread only.
  public func endGroup() throws(FileError) { try note(0, 0, at: 0) }

  /// Notes the job that a reader begins to run. That reader's thread only.
  public func begin(_ sequence: UInt64, reader: Int) throws(FileError) {
    precondition((0..<Self.readersMax).contains(reader), "reader \(reader)")
    try note(sequence, nil, at: Int64(Self.readersOffset + 8 * reader))
  }

  /// The reader's job has ended. That reader's thread only.
  public func end(reader: Int) throws(FileError) { try begin(0, reader: reader) }

  private func note(_ first: UInt64, _ second: UInt64?, at offset: Int64) throws(FileError) {
    var words = (first, second ?? 0)
    let length = second == nil ? 8 : 16
    try withUnsafeBytes(of: &words) { (buffer) throws(FileError) in
      try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<length]), at: offset)
    }
  }

  static func parse(_ bytes: [UInt8]) -> Set<UInt64> {
    guard bytes.count == length else { return [] }
    return bytes.withUnsafeBytes { raw in
      func word(_ index: Int) -> UInt64 {
        raw.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
      }
      var left: Set<UInt64> = []
      for index in 0..<groupMax {
        if word(index) == 0 { break }
        left.insert(word(index))
      }
      for index in (readersOffset / 8)..<(length / 8) { left.insert(word(index)) }
      left.remove(0)
      return left
    }
  }
}
