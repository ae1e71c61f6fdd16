import Glibc
import Sluice

/// Finds out what the file system under a directory can do, by doing it with scratch files of its
/// own, which it removes.
///
/// The names of the files begin with a dot, so that no scan takes them. Any thread.
public struct FileSystemProbe: Sendable {
  private let directory: Directory
  private let name: String

  public init(_ directory: Directory) {
    self.directory = directory
    name = ".probe-\(getpid())"
  }

  /// What is mounted there; nil where the kernel does not say.
  public func mount() throws(FileError) -> Mount? { Mount(id: try directory.status().mount) }

  public struct Space: Sendable, Equatable {
    /// Bytes that this user can still write.
    public var free: Int64
    public var total: Int64
    public var isReadOnly: Bool
  }

  public func space() throws(FileError) -> Space {
    var raw = statvfs()
    try SystemResult { Int(fstatvfs(directory.descriptor, &raw)) }.get(.status, directory.path)
    let unit = Int64(clamping: raw.f_frsize)
    return Space(
      free: Int64(clamping: raw.f_bavail) * unit, total: Int64(clamping: raw.f_blocks) * unit,
      isReadOnly: raw.f_flag & UInt(ST_RDONLY) != 0)
  }

  /// Whether a rename puts a file whole in the place of another.
  public func renames() throws(FileError) -> Bool {
    let other = name + ".new"
    defer { remove([name, other]) }
    try directory.create(name).write([1])
    try directory.create(other).write([2])
    try directory.rename(other, to: directory, name)
    let content = try directory.contents(name)
    let left = try directory.status(other)
    return content == [2] && left == nil
  }

  /// Whether leases tell that a file is still open for writing.
  public func hasLeases() throws(FileError) -> Bool {
    guard directory.knowsLeases else { return false }
    defer { remove([name]) }
    let writer = try directory.create(name)
    try writer.write([1])
    let reader = try directory.open(name)
    // Granted beside a writer, it means nothing; refused otherwise, it is not there.
    let isRefused = reader.tryReadLease().errno == EAGAIN
    _ = consume writer
    return isRefused && reader.tryReadLease().succeeded
  }

  /// Nanoseconds between two times that a file's change can have; nil if it is more than
  /// `seconds`.
  public func clockGranularity(within seconds: Double = 2.5) throws(FileError) -> Int64? {
    defer { remove([name]) }
    let file = try directory.create(name)
    let start = MonotonicTime.now()
    var steps: [Int64] = []
    var last: Int64?
    while steps.count < 5 {
      if MonotonicTime.now().seconds(since: start) > seconds { return steps.min() }
      try file.write([0], at: 0)
      let now = try file.status().modified
      if let before = last, now > before { steps.append(now - before) }
      last = now
    }
    return steps.min()
  }

  /// Seconds until 4 KiB more of a file are durable: the median of `count`.
  public func syncSeconds(count: Int = 21) throws(FileError) -> Double {
    defer { remove([name]) }
    let file = try directory.create(name)
    let page = [UInt8](repeating: 0xA5, count: 4096)
    var times: [Double] = []
    for _ in 0..<count {
      let start = MonotonicTime.now()
      try file.write(page)
      try file.sync()
      times.append(MonotonicTime.now().seconds(since: start))
    }
    return times.sorted()[times.count / 2]
  }

  private func remove(_ names: [String]) {
    // A scratch file that stays is never read, and the next probe of this process takes it over.
    for name in names { _ = try? directory.unlink(name) }
  }
}
