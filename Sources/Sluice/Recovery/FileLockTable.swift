/// The kernel's list of file locks, `/proc/locks`, as it was at one moment.
///
/// Lines look like `3: POSIX  ADVISORY  WRITE 4711 fd:01:131090 120 120`; with `->` after the number
/// somebody waits for the lock above it. Lines of another form are skipped: the kernel may add some.
struct FileLockTable: Sendable, Equatable {
  var locks: [FileLock]

  init(parsing text: some Sequence<UInt8>) {
    locks = Array(text).split(separator: UInt8(ascii: "\n")).compactMap(Self.parse)
  }

  private static func parse(_ line: ArraySlice<UInt8>) -> FileLock? {
    let words = line.split(separator: UInt8(ascii: " "))
      .map { String(decoding: $0, as: UTF8.self) }
    // A blocked one has "->" as its second word: it holds nothing.
    guard words.count == 8, words[1] == "POSIX" || words[1] == "OFDLCK" else { return nil }
    let place = words[5].split(separator: ":")
    guard words[3] == "WRITE" || words[3] == "READ", let pid = Int32(words[4]), place.count == 3,
      let major = UInt64(place[0], radix: 16), let minor = UInt64(place[1], radix: 16),
      let inode = UInt64(place[2]), let first = Int64(words[6]),
      let last = words[7] == "EOF" ? Int64.max : Int64(words[7])
    else { return nil }
    return FileLock(
      pid: pid, exclusive: words[3] == "WRITE",
      file: LockedFile(major: major, minor: minor, inode: inode), first: first, last: last)
  }
}

/// One lock that some process holds on bytes of a file.
struct FileLock: Sendable, Equatable {
  /// 0 or −1 where the kernel names none (another PID namespace; a lock of an open file).
  var pid: Int32
  var exclusive: Bool
  var file: LockedFile
  var first: Int64
  /// Inclusive.
  var last: Int64

  func covers(_ byte: Int64) -> Bool { first <= byte && byte <= last }
}

/// What the kernel calls a file in `/proc/locks`.
struct LockedFile: Sendable, Hashable {
  var major: UInt64
  var minor: UInt64
  var inode: UInt64
}
