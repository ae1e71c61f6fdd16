import Sluice
import Synchronization

/// Which jobs are being run at this moment, kept where a killed process leaves it: in the page cache
/// of `active/.inflight`.
///
/// Written by `pwrite` and never synced: it answers only what a `kill -9` leaves to ask. The writer
/// thread has one region, each reader thread a slot of its own, so no lock is needed; different
/// threads may call for different regions.
public final class InFlightRecord: Sendable {
  /// Jobs of one group that are recorded; no group is larger.
  public static let groupMax = 4096
  /// Reader threads.
  public static let readersMax = 256
  static let name = ".inflight"

  // The file: highest number ever in flight, count, 4096 numbers, 256 reader slots; 8 bytes each in
  // the machine's order (it never leaves the machine). 0 in a slot is nothing.
  private static let readersOffset = 8 * (2 + groupMax)
  private static let length = readersOffset + 8 * readersMax

  /// What was in flight when the previous worker ended, by sequence number.
  public struct Left: Sendable, Equatable {
    public var inFlight: Set<UInt64> = []
    /// The highest number the writer ever ran: a floor for `SequenceSource`.
    public var highest: UInt64 = 0
  }

  private let file: OpenFile
  /// The highest number the writer ever ran; an older job of a lower lane may run after it.
  private let highest: Atomic<UInt64>
  /// What the previous worker left.
  public let left: Left

  /// Reads what is there and begins an empty record. The file's blocks are written whole, so that a
  /// disk that fills up later does not fail the notes.
  public init(_ layout: SpoolLayout) throws(FileError) {
    let previous = try layout.active.contents(Self.name) ?? []
    let left = Self.parse(previous)
    let file = try layout.active.openForUpdate(Self.name)
    var empty = [UInt8](repeating: 0, count: Self.length)
    empty.withUnsafeMutableBytes { $0.storeBytes(of: left.highest, as: UInt64.self) }
    try file.write(empty, at: 0)
    self.file = file
    self.left = left
    highest = Atomic(left.highest)
  }

  /// Notes the jobs of the group that the writer begins to run. Writer thread only.
  public func begin(group: some Collection<UInt64>) throws(FileError) {
    precondition(group.count <= Self.groupMax, "a group of \(group.count) jobs")
    let highest = highest.max(group.max() ?? 0, ordering: .relaxed).newValue
    try note([highest, UInt64(group.count)] + group, at: 0)
  }

  /// The group has ended, whichever way. Writer thread only.
  public func endGroup() throws(FileError) { try note([0], at: 8) }

  /// Notes the job that a reader begins to run. That reader's thread only.
  public func begin(_ sequence: UInt64, reader: Int) throws(FileError) {
    precondition((0..<Self.readersMax).contains(reader), "reader \(reader)")
    try note([sequence], at: Int64(Self.readersOffset + 8 * reader))
  }

  /// The reader's job has ended. That reader's thread only.
  public func end(reader: Int) throws(FileError) { try begin(0, reader: reader) }

  private func note(_ words: [UInt64], at offset: Int64) throws(FileError) {
    try words.withUnsafeBufferPointer { (buffer) throws(FileError) in
      try file.write(UnsafeRawBufferPointer(buffer), at: offset)
    }
  }

  /// A write cut short by the kill leaves numbers of an older group behind the new count: those jobs
  /// have ended, and nobody finds them in `active/`.
  static func parse(_ bytes: [UInt8]) -> Left {
    guard bytes.count == length else { return Left() }
    return bytes.withUnsafeBytes { raw in
      func word(_ index: Int) -> UInt64 {
        raw.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
      }
      var left = Left(highest: word(0))
      let count = Int(min(word(1), UInt64(groupMax)))
      for index in 2..<(2 + count) { left.inFlight.insert(word(index)) }
      for index in (readersOffset / 8)..<(length / 8) { left.inFlight.insert(word(index)) }
      left.inFlight.remove(0)
      if left.highest > ClaimedName.sequenceMax { left.highest = 0 }
      return left
    }
  }
}
