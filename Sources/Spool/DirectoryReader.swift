import CSystem
import Glibc

/// Lists a directory entry by entry, in the file system's own order, without `.` and `..`.
///
/// Has a descriptor and a position of its own, so a listing may rest between two entries. An entry
/// that comes or goes meanwhile may or may not be seen.
public struct DirectoryReader: ~Copyable {
  /// One entry; its name lives until the next call.
  public struct Entry {
    /// With its terminating zero.
    public let name: UnsafePointer<CChar>
    public let length: Int
    /// What the directory says of it (`DT_…`); the file system may not say.
    public let type: UInt8
  }

  private let directory: Directory
  private let descriptor: Int32
  private let buffer: UnsafeMutableRawBufferPointer
  private var filled = 0
  private var position = 0

  public init(_ directory: Directory) throws(FileError) {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    let opened = SystemResult { Int(sluice_openat(directory.descriptor, ".", flags, 0)) }
    descriptor = Int32(try opened.get(.open, directory.path))
    self.directory = directory
    buffer = .allocate(byteCount: 32 * 1024, alignment: 16)
  }

  deinit {
    buffer.deallocate()
    close(descriptor)
  }

  /// Begins again at the first entry.
  public mutating func rewind() throws(FileError) {
    try SystemResult { Int(lseek(descriptor, 0, SEEK_SET)) }.get(.list, directory.path)
    filled = 0
    position = 0
  }

  /// The next entry, or nil at the end.
  public mutating func next() throws(FileError) -> Entry? {
    guard let base = buffer.baseAddress else { return nil }
    while true {
      if position >= filled {
        let result = directory.perform(.list, ".") {
          sluice_getdents(descriptor, base, UInt(buffer.count))
        }
        filled = try result.get(.list, directory.path)
        position = 0
        if filled == 0 { return nil }
      }
      // struct linux_dirent64: inode 0–7, offset 8–15, record length 16–17, type 18, name from 19.
      let record = base + position
      position += Int(record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
      let name = UnsafePointer((record + 19).assumingMemoryBound(to: CChar.self))
      if name[0] == 0x2E, name[1] == 0 || (name[1] == 0x2E && name[2] == 0) { continue }
      let type = record.load(fromByteOffset: 18, as: UInt8.self)
      return Entry(name: name, length: strlen(name), type: type)
    }
  }
}
