import CSystem
import Glibc

/// An open directory, on which every file operation of the spool is done by name.
///
/// Names are C strings (a Swift `String` is passed as it is, without a copy). Holds nothing but its
/// descriptor, so any thread may use it. Operations end in `SystemResult` inside this module, where
/// the caller reads the errno, and in a `FileError` for everybody else.
public final class Directory: Sendable {
  public let descriptor: Int32
  /// As it was opened; for messages.
  public let path: String
  #if DEBUG
    let interposer: FileInterposer?
  #endif

  private static let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC

  /// Opens the directory at `path`, following symlinks to it.
  public convenience init(path: String) throws(FileError) {
    let opened = SystemResult { Int(sluice_openat(AT_FDCWD, path, Self.flags, 0)) }
    self.init(descriptor: Int32(try opened.get(.open, path)), path: path)
  }

  private init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
    #if DEBUG
      interposer = FileInterposer.responsible(for: path)
    #endif
  }

  deinit { close(descriptor) }

  /// Opens a directory in this one.
  public func directory(
    _ name: String, followingLinks: Bool = true
  ) throws(FileError) -> Directory {
    let flags = followingLinks ? Self.flags : Self.flags | O_NOFOLLOW
    let opened = perform(.open, name) { Int(sluice_openat(descriptor, name, flags, 0)) }
    let child = Int32(try opened.get(.open, pathOf(name)))
    return Directory(descriptor: child, path: pathOf(name))
  }

  /// The path of a file in this directory, for messages; bytes that are not UTF-8 are replaced.
  public func pathOf(_ name: UnsafePointer<CChar>) -> String {
    path + "/" + String(cString: name)
  }

  /// One operation on `name`: through the interposer, if there is one, to the system.
  @inline(__always)
  func perform(
    _ operation: FileOperation, _ name: UnsafePointer<CChar>, destination: String? = nil,
    _ call: () -> Int
  ) -> SystemResult {
    #if DEBUG
      guard let interposer else { return SystemResult(call) }
      let path = pathOf(name)
      let code = interposer.fault(operation, path)
      if code != 0 { return SystemResult(failure: code) }
      let result = SystemResult(call)
      if result.succeeded {
        interposer.succeeded(.init(operation: operation, path: path, destination: destination))
      }
      return result
    #else
      return SystemResult(call)
    #endif
  }
}

// MARK: Files by name

extension Directory {
  /// The status of `name`; nil where there is no such file.
  public func status(_ name: UnsafePointer<CChar>) throws(FileError) -> FileStatus? {
    var raw = sluice_statx()
    let result = tryStatus(name, &raw)
    if result.errno == ENOENT { return nil }
    try result.get(.status, pathOf(name))
    return FileStatus(raw)
  }

  @inline(__always)
  func tryStatus(_ name: UnsafePointer<CChar>, _ raw: inout sluice_statx) -> SystemResult {
    perform(.status, name) { Int(sluice_statx(descriptor, name, &raw)) }
  }

  /// The status of the directory itself.
  public func status() throws(FileError) -> FileStatus {
    var raw = sluice_statx()
    try SystemResult { Int(sluice_statx(descriptor, "", &raw)) }.get(.status, path)
    return FileStatus(raw)
  }

  /// Opens `name` for reading; never a symlink, and never waiting for a FIFO's other end.
  public func open(_ name: UnsafePointer<CChar>) throws(FileError) -> OpenFile {
    let result = tryOpen(name)
    return file(Int32(try result.get(.open, pathOf(name))), name)
  }

  @inline(__always)
  func tryOpen(_ name: UnsafePointer<CChar>) -> SystemResult {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    return perform(.open, name) { Int(sluice_openat(descriptor, name, flags, 0)) }
  }

  /// Opens `name` for reading and writing, and makes it if it is not there; its content stays.
  public func openForUpdate(
    _ name: UnsafePointer<CChar>, mode: UInt32 = 0o640
  ) throws(FileError) -> OpenFile {
    let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
    let result = perform(.open, name) { Int(sluice_openat(descriptor, name, flags, mode)) }
    return file(Int32(try result.get(.open, pathOf(name))), name)
  }

  /// Makes `name`, emptied if it was there, for writing; `mode` is lessened by the umask.
  public func create(
    _ name: UnsafePointer<CChar>, mode: UInt32 = 0o640
  ) throws(FileError) -> OpenFile {
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    let result = perform(.create, name) { Int(sluice_openat(descriptor, name, flags, mode)) }
    return file(Int32(try result.get(.create, pathOf(name))), name)
  }

  func file(_ descriptor: Int32, _ name: UnsafePointer<CChar>) -> OpenFile {
    #if DEBUG
      OpenFile(
        descriptor: descriptor, directory: self, name: String(cString: name),
        interposer: interposer)
    #else
      OpenFile(descriptor: descriptor, directory: self, name: String(cString: name))
    #endif
  }

  /// Renames `name` to `newName` in `target`, replacing what is there.
  public func rename(
    _ name: UnsafePointer<CChar>, to target: Directory, _ newName: UnsafePointer<CChar>
  ) throws(FileError) {
    try tryRename(name, to: target, newName).get(.rename, pathOf(name))
  }

  @inline(__always)
  func tryRename(
    _ name: UnsafePointer<CChar>, to target: Directory, _ newName: UnsafePointer<CChar>
  ) -> SystemResult {
    perform(.rename, name, destination: target.destination(newName)) {
      Int(renameat(descriptor, name, target.descriptor, newName))
    }
  }

  /// Renames `name` to `newName` in `target`, where nothing of that name may be yet (`EEXIST`).
  public func renameNew(
    _ name: UnsafePointer<CChar>, to target: Directory, _ newName: UnsafePointer<CChar>
  ) throws(FileError) {
    try tryRenameNew(name, to: target, newName).get(.rename, pathOf(name))
  }

  /// As `tryRename`, but EEXIST where `newName` is there already. A file system that cannot do both
  /// at once (EINVAL: NFS, FUSE) is asked first, and a name made in between is replaced.
  func tryRenameNew(
    _ name: UnsafePointer<CChar>, to target: Directory, _ newName: UnsafePointer<CChar>
  ) -> SystemResult {
    let renamed = perform(.rename, name, destination: target.destination(newName)) {
      Int(sluice_rename_new(descriptor, name, target.descriptor, newName))
    }
    guard renamed.errno == EINVAL else { return renamed }
    var raw = sluice_statx()
    let looked = target.tryStatus(newName, &raw)
    if looked.succeeded { return SystemResult(failure: EEXIST) }
    return looked.errno == ENOENT ? tryRename(name, to: target, newName) : looked
  }

  /// Where a rename leads, for a recording; release builds spare the string.
  @inline(__always)
  private func destination(_ name: UnsafePointer<CChar>) -> String? {
    #if DEBUG
      interposer == nil ? nil : pathOf(name)
    #else
      nil
    #endif
  }

  /// Removes `name`; whether it was there.
  @discardableResult
  public func unlink(_ name: UnsafePointer<CChar>) throws(FileError) -> Bool {
    let result = perform(.unlink, name) { Int(unlinkat(descriptor, name, 0)) }
    if result.errno == ENOENT { return false }
    try result.get(.unlink, pathOf(name))
    return true
  }

  /// Makes the directory `name`; whether it was missing. The mode is 0750 whatever the umask allows
  /// beyond that.
  @discardableResult
  public func makeDirectory(_ name: UnsafePointer<CChar>) throws(FileError) -> Bool {
    let result = perform(.makeDirectory, name) { Int(mkdirat(descriptor, name, 0o750)) }
    if result.errno == EEXIST { return false }
    try result.get(.makeDirectory, pathOf(name))
    return true
  }

  /// The whole content of `name`; nil where there is no such file.
  public func contents(_ name: UnsafePointer<CChar>) throws(FileError) -> [UInt8]? {
    let opened = tryOpen(name)
    if opened.errno == ENOENT { return nil }
    let file = file(Int32(try opened.get(.open, pathOf(name))), name)
    return try file.readAll()
  }

  /// The first bytes of `name`, at most `count`; nil where there is no such file.
  public func head(
    _ name: UnsafePointer<CChar>, bytes count: Int
  ) throws(FileError) -> ArraySlice<UInt8>? {
    try part(name, bytes: count) { _ in 0 }
  }

  /// The last bytes of `name`, at most `count`; nil where there is no such file.
  public func tail(
    _ name: UnsafePointer<CChar>, bytes count: Int
  ) throws(FileError) -> ArraySlice<UInt8>? {
    try part(name, bytes: count) { max(0, $0 - Int64(count)) }
  }

  /// - Parameter start: where to begin in a file of that size.
  private func part(
    _ name: UnsafePointer<CChar>, bytes count: Int, from start: (Int64) -> Int64
  ) throws(FileError) -> ArraySlice<UInt8>? {
    let opened = tryOpen(name)
    if opened.errno == ENOENT { return nil }
    let file = file(Int32(try opened.get(.open, pathOf(name))), name)
    let offset = start(try file.status().size)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    var filled = 0
    while filled < count {
      let got = try file.read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]),
        at: offset + Int64(filled))
      if got == 0 { break }
      filled += got
    }
    return Array(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))[...]
  }

  /// Replaces `name` by a file with this content, whole and durable, through the scratch `.NAME.tmp`.
  public func replaceDurably(
    _ name: String, with bytes: [UInt8], mode: UInt32 = 0o640
  ) throws(FileError) {
    let scratch = "." + name + ".tmp"
    let file = try create(scratch, mode: mode)
    try file.write(bytes)
    try file.sync()
    try rename(scratch, to: self, name)
    try sync()
  }
}

// MARK: The directory as a whole

extension Directory {
  /// Makes the directory's entries durable.
  public func sync() throws(FileError) {
    try perform(.sync, ".") { Int(fsync(descriptor)) }.get(.sync, path)
  }

  /// Whether files can be made here: EROFS also for the superuser.
  func tryWritable() -> SystemResult {
    SystemResult { Int(faccessat(descriptor, ".", W_OK | X_OK, AT_EACCESS)) }
  }

  /// Whether a lease tells reliably that nobody writes a file: not on network and user-space file
  /// systems, which refuse leases or know only this machine's writers.
  var knowsLeases: Bool {
    // NFS, SMB, SMB2, CIFS, FUSE, 9P, AFS, CEPH: <linux/magic.h>.
    let foreign: [Int] = [
      0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x6573_5546, 0x0102_1997, 0x5346_414F, 0x00C3_6400,
    ]
    return !foreign.contains(sluice_file_system_type(descriptor))
  }
}
