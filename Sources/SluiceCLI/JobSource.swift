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

  /// Hands on each line without its line feed; the memory is that of the longest one.
  func forEachLine(_ body: (ArraySlice<UInt8>) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    defer { buffer.deallocate() }
    var pending: [UInt8] = []
    while true {
      let count = try read(into: buffer)
      if count == 0 { break }
      // What was pending has no line feed in it.
      var searched = pending.count
      pending += buffer[..<count]
      var start = 0
      while let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        try body(pending[start..<end])
        start = end + 1
        searched = start
      }
      pending.removeFirst(start)
    }
    if !pending.isEmpty { try body(pending[...]) }
  }

  /// The last part of a path.
  static func basename(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
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
