import Sluice

extension FileIdentity {
  /// Whether `other`, seen after a reboot, is this file. The device's number is not compared: it may
  /// be another one at each boot, and a spool is on one file system anyway.
  ///
  /// A file that nobody had synced may come back without its data. It must not be taken for a job of
  /// its own, whose rejection would replace the result that its producer has seen. Another file with
  /// nothing in it, made with the same inode in the same tick, would be no job either.
  public func isSameAfterReboot(as other: FileIdentity) -> Bool {
    guard inode == other.inode, birth == other.birth else { return false }
    return other.isBlank
      || (modified == other.modified && size == other.size && hash == other.hash)
  }
}

/// Finds the files in `incoming/` whose claim a power failure undid: their outcome is in the ledger.
///
/// Used once, after an unclean reboot and before anything is claimed.
public struct TwinSearch: Sendable {
  /// Where a file came back.
  public struct Place: Sendable, Hashable {
    public var lane: IncomingLane
    public var job: JobName
  }

  private let layout: SpoolLayout

  public init(_ layout: SpoolLayout) { self.layout = layout }

  /// The places of those `identities` that are found. Reads only files with the inode of one.
  public func places(
    of identities: [FileIdentity]
  ) throws(FileError) -> [FileIdentity: Place] {
    var found: [FileIdentity: Place] = [:]
    if identities.isEmpty { return found }
    let wanted = Dictionary(grouping: identities, by: \.inode)
    for lane in IncomingLane.allCases {
      var reader = try DirectoryReader(layout.incoming(lane))
      while let entry = try reader.next() {
        let name = String(cString: entry.name)
        guard let job = JobName(name), job.kind != .foreign,
          let status = try layout.incoming(lane).status(name), status.kind == .regular,
          let candidates = wanted[status.inode],
          let identity = try layout.incoming(lane).identity(name)
        else { continue }
        for candidate in candidates where candidate.isSameAfterReboot(as: identity) {
          found[candidate] = Place(lane: lane, job: job)
        }
      }
    }
    return found
  }
}

extension Directory {
  /// The identity of a file, its content read in pieces; nil where it cannot be opened.
  public func identity(_ name: String) throws(FileError) -> FileIdentity? {
    let opened = tryOpen(name)
    if !opened.succeeded { return nil }
    let file = file(Int32(opened.raw), name)
    let status = try file.status()
    return FileIdentity(
      device: status.device, inode: status.inode, birth: status.birth, modified: status.modified,
      size: status.size, hash: try file.contentHash())
  }
}

extension SpoolLayout {
  /// The jobs in `active/`, in the order in which they were claimed, and the names there that are
  /// none (the worker's own files and scratch aside).
  public func claimedFiles() throws(FileError) -> (jobs: [ClaimedName], strangers: [String]) {
    var jobs: [ClaimedName] = []
    var strangers: [String] = []
    var reader = try DirectoryReader(active)
    while let entry = try reader.next() {
      let name = String(cString: entry.name)
      if let job = ClaimedName(name) {
        jobs.append(job)
      } else if !name.hasPrefix(".") {
        strangers.append(name)
      }
    }
    jobs.sort { $0.sequence < $1.sequence }
    return (jobs, strangers)
  }
}
