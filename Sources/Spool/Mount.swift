import Glibc
import Sluice

/// What is mounted where a file lies, as the kernel lists it.
public struct Mount: Sendable, Equatable {
  /// `ext4`, `nfs4`, `fuse.sshfs`.
  public var type: String
  /// What is mounted: a device, a server and its export.
  public var source: String
  /// Those of the mount and those of the file system.
  public var options: [String]
  /// The device's number as the kernel writes it: `8:1`.
  public var device: String

  /// - Parameter id: as `FileStatus.mount` has it.
  /// - Returns: nil where the kernel does not say (before Linux 5.8, no `/proc`).
  public init?(id: UInt64) {
    guard let table = readSystemFile("/proc/self/mountinfo") else { return nil }
    self.init(id: id, table: String(decoding: table, as: UTF8.self))
  }

  /// From the text of `/proc/self/mountinfo`: `36 35 98:0 /a /mnt rw,noatime shared:1 - ext4 /dev/x rw`.
  init?(id: UInt64, table: String) {
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.first.flatMap({ UInt64($0) }) == id, words.count > 6,
        let dash = words.firstIndex(of: "-"), dash + 2 < words.count
      else { continue }
      type = String(words[dash + 1])
      source = String(words[dash + 2])
      let all =
        words[5].split(separator: ",")
        + (words.dropFirst(dash + 3).first ?? "").split(separator: ",")
      options = all.map(String.init)
      device = String(words[2])
      return
    }
    return nil
  }

  /// Whether the files are kept by another machine or another program, so that neither locks nor
  /// events tell all that happens to them.
  public var isRemote: Bool {
    let names = [
      "nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "virtiofs", "fuse",
    ]
    return names.contains { type.hasPrefix($0) }
  }

  /// Whether the files are gone with the machine's power.
  public var isVolatile: Bool { type == "tmpfs" || type == "ramfs" }
}
