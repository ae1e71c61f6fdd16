import Glibc
import Sluice
import Spool

/// One walk through `results/` that removes what is older than its retention, slice by slice.
///
/// A result goes with its `.rows.*`, a batch's with the lines beside it; what belongs to a result
/// that is gone already goes by its own age. Anything else there, such as a backup, stays. Consumers
/// may remove files meanwhile.
///
/// Whether a result's row in the ledger is settled is not asked: results are settled within seconds,
/// and none is removed within its first minute. Should one be all the same, a crash brings it back
/// from the ledger, which is the safe side.
struct RetentionSweep: ~Copyable {
  /// Seconds below which no retention goes.
  static let shortest = 60.0

  private let results: Directory
  private let limit: Timestamp
  private var reader: DirectoryReader
  /// Results removed so far, those in several files counted once.
  private(set) var removed = 0

  /// - Parameter retention: seconds; more than 0.
  init(_ layout: SpoolLayout, retention: Double, now: Timestamp = .now()) throws(FileError) {
    results = layout.results
    limit = now.advanced(bySeconds: -max(Self.shortest, retention))
    reader = try DirectoryReader(layout.results)
  }

  /// Examines at most `count` entries.
  /// - Returns: whether there are more.
  mutating func step(_ count: Int) throws(FileError) -> Bool {
    for _ in 0..<count {
      guard let entry = try reader.next() else { return false }
      if entry.name[0] == CChar(bitPattern: UInt8(ascii: ".")) { continue }
      guard let name = String(validatingCString: entry.name) else { continue }
      if name.hasSuffix(".json") {
        try removeResult(name)
      } else if let owner = Self.owner(of: name), try isOld(name),
        try results.status(owner) == nil, try remove(name)
      {
        removed += 1
      }
    }
    return true
  }

  /// The result goes first: who finds it finds what belongs to it.
  private mutating func removeResult(_ name: String) throws(FileError) {
    guard try isOld(name), try remove(name) else { return }
    removed += 1
    let stem = String(name.dropLast(".json".count))
    for format in ["jsonl", "csv"] { try removeIfOld(stem + ".rows." + format) }
    if stem.hasSuffix(".jsonl") { try removeIfOld(stem) }
  }

  private func removeIfOld(_ name: String) throws(FileError) {
    if try isOld(name) { _ = try remove(name) }
  }

  /// The result that a file with rows or lines belongs to; nil for any other file.
  static func owner(of name: String) -> String? {
    for suffix in [".rows.jsonl", ".rows.csv"] where name.hasSuffix(suffix) {
      return name.dropLast(suffix.count) + ".json"
    }
    return name.hasSuffix(".jsonl") ? name + ".json" : nil
  }

  private func isOld(_ name: String) throws(FileError) -> Bool {
    guard let status = try results.status(name) else { return false }
    return status.kind == .regular && status.modified < limit.nanoseconds
  }

  /// Removes what stands under the name if it is old still: a job of that name may have ended since
  /// it was looked at, and its result must not go in the old one's place. A crash between the two
  /// renames brings that one back like any that is not settled.
  private func remove(_ name: String) throws(FileError) -> Bool {
    let scratch = ".expired.tmp"
    do throws(FileError) {
      try results.rename(name, to: results, scratch)
    } catch {
      if error.errno == ENOENT { return false }
      throw error
    }
    if try isOld(scratch) {
      try results.unlink(scratch)
      return true
    }
    do throws(FileError) {
      try results.renameNew(scratch, to: results, name)
    } catch {
      guard error.errno == EEXIST else { throw error }
      // A still later one stands.
      try results.unlink(scratch)
    }
    return false
  }
}
