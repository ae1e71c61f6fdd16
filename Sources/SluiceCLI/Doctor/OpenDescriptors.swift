import Glibc
import Sluice

/// The files that a process has open, as `/proc/PID/fd` shows them; none where it is another user's.
struct OpenDescriptors {
  struct Entry {
    /// With ` (deleted)` behind it where the name is gone.
    var path: String
    var device: UInt
    var inode: UInt
  }

  let all: [Entry]

  init(of pid: Int32) {
    var entries: [Entry] = []
    guard let directory = opendir("/proc/\(pid)/fd") else {
      all = []
      return
    }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let number = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let link = "/proc/\(pid)/fd/\(number)"
      var target = [CChar](repeating: 0, count: 4097)
      let length = readlink(link, &target, target.count - 1)
      var status = stat()
      guard length > 0, stat(link, &status) == 0 else { continue }
      let bytes = target[..<length].map { UInt8(bitPattern: $0) }
      entries.append(
        Entry(
          path: String(decoding: bytes, as: UTF8.self), device: status.st_dev,
          inode: status.st_ino))
    }
    all = entries
  }

  /// How many files a process may have open at once; nil where it is not told.
  static func limit(of pid: Int32) -> Int? {
    // "Max open files            1024                 524288               files"
    let text = String(decoding: readSystemFile("/proc/\(pid)/limits") ?? [], as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") }
    guard let words = line?.split(separator: " "), words.count > 3 else { return nil }
    return words[3] == "unlimited" ? .max : Int(words[3])
  }
}
