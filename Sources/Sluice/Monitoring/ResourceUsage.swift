import Glibc

/// What this process takes of the machine.
public struct ResourceUsage: Sendable {
  public var residentBytes = 0
  /// Of all threads, since the start.
  public var cpuSeconds = 0.0
  public var openFiles = 0
  /// Where open files end (`ulimit -n`).
  public var openFilesMax = 0
  public var threads = 0

  public init() {}

  /// Asks the system; what it does not tell stays 0.
  public static func now() -> ResourceUsage {
    var usage = ResourceUsage()
    var time = timespec()
    if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
      usage.cpuSeconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    if let memory = readSystemFile("/proc/self/statm") {
      let fields = memory.split(separator: UInt8(ascii: " "))
      let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
      if fields.count > 1 { usage.residentBytes = number(fields[1]) * pageBytes }
    }
    if let status = readSystemFile("/proc/self/stat"),
      let close = status.lastIndex(of: UInt8(ascii: ")"))
    {
      // The third field stands first; the twentieth counts the threads.
      let fields = status[(close + 1)...].split(separator: UInt8(ascii: " "))
      if fields.count > 17 { usage.threads = number(fields[17]) }
    }
    // The look itself has one open.
    usage.openFiles = max(0, entries(of: "/proc/self/fd") - 1)
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      usage.openFilesMax = Int(clamping: limit.rlim_cur)
    }
    return usage
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int {
    Int(String(decoding: digits, as: UTF8.self)) ?? 0
  }

  private static func entries(of path: String) -> Int {
    guard let directory = opendir(path) else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    return count
  }
}

/// What a database takes of its disk. The files are looked up, never opened: closing them would drop
/// SQLite's locks.
public struct StorageUsage: Sendable {
  public var databaseBytes: Int64
  public var walBytes: Int64
  /// What the disk has left for this user.
  public var freeBytes: Int64

  init(ofDatabase path: String) {
    databaseBytes = Self.size(path)
    walBytes = Self.size(path + "-wal")
    freeBytes = Self.free(at: path)
  }

  /// Bytes that the file system of `path` has left for this user; 0 where it does not tell.
  public static func free(at path: String) -> Int64 {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return 0 }
    return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }

  private static func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }
}
