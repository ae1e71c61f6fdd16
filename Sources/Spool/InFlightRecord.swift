import Glibc
import Sluice

/// Which jobs of one database are being run at this moment, kept where a killed process leaves it:
/// in the page cache of `.inflight-DATABASE`.
///
/// A shared mapping, never synced: it answers only what a `kill -9` leaves to ask, and two notes by
/// `pwrite` would cost a read job 3 µs of its 50. The writer thread has one region, each reader
/// thread a slot of its own.
///
/// `@unchecked Sendable`: `words` is constant and mapped as long as this lives; every word of it is
/// written by the one thread whose region it is in, and read by nobody but the next process.
public final class InFlightRecord: @unchecked Sendable {
  /// Jobs of one group that are recorded; no group is larger.
  public static let groupMax = 4096
  /// Reader threads.
  public static let readersMax = 256
  private static let prefix = ".inflight-"

  // The file: the writer's numbers up to the first 0, then a number for each reader; 8 bytes each in
  // the machine's order (it never leaves the machine). 0 is nothing.
  private static let readersOffset = 8 * (groupMax + 1)
  private static let length = readersOffset + 8 * readersMax

  private let words: UnsafeMutablePointer<UInt64>
  /// What was in flight when the previous worker ended, by sequence number.
  public let left: Set<UInt64>

  /// Reads what is there and begins an empty record. The file is written whole before it is mapped:
  /// touching a page that a full disk has no room for would be a SIGBUS.
  public init(_ layout: SpoolLayout, database: String) throws(FileError) {
    let name = Self.prefix + database
    left = Self.parse(try layout.root.contents(name) ?? [])
    let file = try layout.root.openForUpdate(name)
    try file.write([UInt8](repeating: 0, count: Self.length), at: 0)
    words = try file.map(Self.length).bindMemory(to: UInt64.self, capacity: Self.length / 8)
  }

  deinit { munmap(words, Self.length) }

  /// Notes the `index`-th job of the group that the writer runs. Writer thread only.
  public func begin(_ sequence: UInt64, index: Int) {
    precondition((0..<Self.groupMax).contains(index), "job \(index) of a group")
    words[index + 1] = 0
    words[index] = sequence
  }

  /// The group has ended, whichever way. Writer thread only.
  public func endGroup() { words[0] = 0 }

  /// Notes the job that a reader begins to run. That reader's thread only.
  public func begin(_ sequence: UInt64, reader: Int) {
    precondition((0..<Self.readersMax).contains(reader), "reader \(reader)")
    words[Self.readersOffset / 8 + reader] = sequence
  }

  /// The reader's job has ended. That reader's thread only.
  public func end(reader: Int) { begin(0, reader: reader) }

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
