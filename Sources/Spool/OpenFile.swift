import CSystem
import Glibc
import Sluice

/// An open file of the spool; closed when it goes out of use.
///
/// Closing tells nothing that matters here: what must be durable is synced first.
public struct OpenFile: ~Copyable, Sendable {
  let descriptor: Int32
  private let directory: Directory
  private let name: String
  #if DEBUG
    private let interposer: FileInterposer?

    init(descriptor: Int32, directory: Directory, name: String, interposer: FileInterposer?) {
      self.descriptor = descriptor
      self.directory = directory
      self.name = name
      self.interposer = interposer
    }
  #else
    init(descriptor: Int32, directory: Directory, name: String) {
      self.descriptor = descriptor
      self.directory = directory
      self.name = name
    }
  #endif

  deinit { close(descriptor) }

  /// For messages.
  public var path: String { directory.pathOf(name) }

  @inline(__always)
  private func perform(_ operation: FileOperation, _ call: () -> Int) -> SystemResult {
    #if DEBUG
      if let interposer {
        let code = interposer.fault(operation, path)
        if code != 0 { return SystemResult(failure: code) }
      }
    #endif
    return SystemResult(call)
  }

  /// Tells the interposer what was done; nothing in release builds.
  @inline(__always)
  private func note(
    _ operation: FileOperation, offset: Int64? = nil, _ bytes: UnsafeRawBufferPointer? = nil
  ) {
    #if DEBUG
      interposer?.succeeded(
        .init(
          operation: operation, path: path, offset: offset, bytes: bytes.map { Array($0) } ?? []))
    #endif
  }

  /// Maps its first `length` bytes, shared and for writing; whoever asked unmaps them.
  func map(_ length: Int) throws(FileError) -> UnsafeMutableRawPointer {
    let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw FileError(.open, path: path, errno: errno)
    }
    return address
  }

  public func status() throws(FileError) -> FileStatus {
    var raw = sluice_statx()
    try tryStatus(&raw).get(.status, path)
    return FileStatus(raw)
  }

  @inline(__always)
  func tryStatus(_ raw: inout sluice_statx) -> SystemResult {
    perform(.status) { Int(sluice_statx(descriptor, "", &raw)) }
  }

  // MARK: Reading

  /// Reads into `buffer` from where the last read ended; 0 at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
    let result = perform(.read) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    return try result.get(.read, path)
  }

  /// Reads into `buffer` at `offset` bytes from the start; 0 at the end of the file.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(FileError) -> Int {
    let result = perform(.read) {
      pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
    }
    return try result.get(.read, path)
  }

  /// Where the next bytes stand, from `offset` on, that are not in a hole of a sparse file.
  func nextData(from offset: Int64) -> Int64 { sluice_next_data(descriptor, offset) }

  /// All bytes from where the last read ended. `expected` bytes (0: not known) save a second read.
  public func readAll(expected: Int = 0) throws(FileError) -> [UInt8] {
    var content = [UInt8]()
    // A byte more than expected, so that the end shows in a short read.
    var room = max(expected + 1, 4096)
    while true {
      var got = 0
      let chunk: [UInt8]
      var failure: FileError?
      chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        do throws(FileError) {
          got = try read(into: UnsafeMutableRawBufferPointer(buffer))
        } catch { failure = error }
        count = got
      }
      if let failure { throw failure }
      if content.isEmpty { content = chunk } else { content.append(contentsOf: chunk) }
      // A regular file gives less than asked for only at its end.
      if got < room { return content }
      room = 256 * 1024
    }
  }

  /// Hash of the whole content, read in chunks from the start.
  public func contentHash() throws(FileError) -> UInt64 {
    var hash = ContentHash()
    var offset: Int64 = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try read(into: buffer, at: offset)
      if count == 0 { return hash.value }
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += Int64(count)
    }
  }

  // MARK: Writing

  /// Writes all bytes from where the last write ended. When it throws, a part may be written.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      let count = rest.count
      let written = try perform(.write) { Glibc.write(descriptor, base, count) }.get(.write, path)
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    note(.write, bytes)
  }

  public func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(FileError) in
      try write(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Writes all bytes at `offset` bytes from the start.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
    var rest = bytes
    var position = offset
    while let base = rest.baseAddress, rest.count > 0 {
      let count = rest.count
      let at = off_t(position)
      let written = try perform(.write) { pwrite(descriptor, base, count, at) }.get(.write, path)
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      position += Int64(written)
    }
    note(.write, offset: offset, bytes)
  }

  public func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(FileError) in
      try write(UnsafeRawBufferPointer(buffer), at: offset)
    }
  }

  /// Sets its permissions, whatever the umask.
  func setMode(_ mode: UInt32) throws(FileError) {
    try SystemResult { Int(fchmod(descriptor, mode)) }.get(.create, path)
  }

  /// Makes the file's content durable.
  public func sync() throws(FileError) {
    try perform(.sync) { Int(fsync(descriptor)) }.get(.sync, path)
    note(.sync)
  }

  /// Makes everything on the file system durable. A write-back that failed since this file was
  /// opened is reported here, an earlier one is not: so open it before what it is to answer for.
  public func syncFileSystem() throws(FileError) {
    try perform(.syncFileSystem) { Int(sluice_syncfs(descriptor)) }.get(.syncFileSystem, path)
    note(.syncFileSystem)
  }

  // MARK: Leases

  /// Takes a read lease: EAGAIN while somebody has the file open for writing. It ends when the file
  /// is closed; a writer that opens it meanwhile waits for that, and this process gets SIGIO.
  func tryReadLease() -> SystemResult {
    perform(.lease) { Int(sluice_setlease(descriptor, Int32(F_RDLCK))) }
  }

  /// Whole-file advisory lock (flock); EWOULDBLOCK where another holds it.
  func tryLock(_ operation: Int32) -> SystemResult {
    perform(.lock) { Int(sluice_flock(descriptor, operation | LOCK_NB)) }
  }
}
