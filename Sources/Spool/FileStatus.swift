import CSystem
import Glibc

/// What a file is and when it changed, seen without following a symlink.
public struct FileStatus: Sendable, Equatable {
  public enum Kind: Sendable {
    case regular
    case directory
    /// A symlink, FIFO, socket or device.
    case other
  }

  public var kind: Kind
  public var device: UInt64
  public var inode: UInt64
  /// Which mount it is seen through; 0 where the kernel does not say.
  public var mount: UInt64
  /// Bytes.
  public var size: Int64
  /// Hard links to it.
  public var links: Int
  /// The user it belongs to.
  public var owner: UInt32
  /// When the inode last changed (a rename counts), in nanoseconds since 1970.
  public var changed: Int64
  /// When the content last changed, in nanoseconds since 1970.
  public var modified: Int64
  /// When it was made, in nanoseconds since 1970; 0 where the file system keeps no such time.
  public var birth: Int64

  init(_ raw: sluice_statx) {
    kind = Self.kind(ofMode: raw.mode)
    device = raw.dev
    inode = raw.ino
    mount = raw.mount
    size = Int64(clamping: raw.size)
    links = Int(raw.nlink)
    owner = raw.uid
    changed = raw.ctime_ns
    modified = raw.mtime_ns
    birth = raw.birth_ns
  }

  static func kind(ofMode mode: UInt32) -> Kind {
    // S_IFMT and two of its values (Swift finds the names twice).
    switch mode & 0o170000 {
    case 0o100000: .regular
    case 0o040000: .directory
    default: .other
    }
  }

  /// Whether both describe one file.
  public func isSameFile(as other: FileStatus) -> Bool {
    device == other.device && inode == other.inode
  }
}
