import Glibc
import Spool

/// Where a job's text comes from: a file, or standard input for `-`.
struct JobSource: ~Copyable {
  private let path: String
  private let descriptor: Int32

  /// - Throws: `badData` where the file cannot be opened, or is none.
  init(path: String) throws {
    self.path = path == "-" ? "standard input" : path
    descriptor = path == "-" ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure(.badData, "cannot open \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

  /// Copies all of it into `target`, in pieces.
  func copy(into target: borrowing OpenFile) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try read(into: buffer)
      if count == 0 { return }
      try target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  /// All of it.
  func contents() throws -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    defer { buffer.deallocate() }
    var contents: [UInt8] = []
    while true {
      let count = try read(into: buffer)
      if count == 0 { return contents }
      contents += buffer[..<count]
    }
  }

  private func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      let code = errno
      if code != EINTR {
        throw CommandFailure(.badData, "cannot read \(path): \(String(cString: strerror(code)))")
      }
    }
  }
}
