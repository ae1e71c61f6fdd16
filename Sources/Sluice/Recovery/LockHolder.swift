import Glibc

/// A process, not this one, that holds SQLite's locks on a database, and which.
///
/// Found in `/proc/locks` by device and inode; the files are only looked up, never opened: closing
/// any descriptor of them would drop every POSIX lock that SQLite holds on them in this process.
public struct LockHolder: Sendable, Equatable {
  /// What a process's locks mean; the bytes are those of SQLite's `os_unix.c` and `wal.c`.
  public struct Roles: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Writes to the WAL: byte 120 of the `-shm` file.
    public static let writer = Roles(rawValue: 1 << 0)
    /// Checkpoints: byte 121.
    public static let checkpointer = Roles(rawValue: 1 << 1)
    /// Recovers the WAL: byte 122.
    public static let recovery = Roles(rawValue: 1 << 2)
    /// Reads from a snapshot, which a checkpoint cannot pass: bytes 123 to 127, shared.
    public static let reader = Roles(rawValue: 1 << 3)
    /// Has the database open: byte 128 of the `-shm` file, or any lock on the database itself.
    public static let open = Roles(rawValue: 1 << 4)
    /// Writes with a rollback journal: byte 0x40000001 of the database.
    public static let reserved = Roles(rawValue: 1 << 5)
    /// Lets no new reader in, since it is about to commit: byte 0x40000000.
    public static let pending = Roles(rawValue: 1 << 6)
    /// Has the database for itself: the 510 bytes from 0x40000002, exclusively.
    public static let exclusive = Roles(rawValue: 1 << 7)

    /// Those that make `BEGIN IMMEDIATE` of another process wait.
    public static let blocksWriters: Roles = [.writer, .recovery, .reserved, .pending, .exclusive]
  }

  public var pid: Int32
  public var roles: Roles

  /// All other processes that hold locks on the database at `path`, by pid.
  ///
  /// A snapshot, and a courtesy: empty where the system does not tell (no `/proc`, another PID
  /// namespace, NFS), and a process may have gone when the caller looks.
  public static func all(onDatabase path: String) -> [LockHolder] {
    guard let database = resolved(path), let databaseFile = LockedFile(path: database),
      let text = readSystemFile("/proc/locks")
    else { return [] }
    return holders(
      in: FileLockTable(parsing: text), database: databaseFile,
      sharedMemory: LockedFile(path: database + "-shm"), ownPid: getpid())
  }

  /// The processes that make writers of the database at `path` wait, for messages.
  public static func blockingWriters(ofDatabase path: String) -> [ForeignProcess] {
    all(onDatabase: path).filter { !$0.roles.isDisjoint(with: .blocksWriters) }
      .compactMap { ForeignProcess(pid: $0.pid) }
  }

  /// The processes whose snapshots a checkpoint of the database at `path` cannot pass, for messages.
  public static func readers(ofDatabase path: String) -> [ForeignProcess] {
    all(onDatabase: path).filter { $0.roles.contains(.reader) }
      .compactMap { ForeignProcess(pid: $0.pid) }
  }

  /// The same from a table that was read before: pure.
  static func holders(
    in table: FileLockTable, database: LockedFile, sharedMemory: LockedFile?, ownPid: Int32
  ) -> [LockHolder] {
    let databaseNames = names(of: database, in: table, ownPid: ownPid)
    let sharedMemoryNames = sharedMemory.map { names(of: $0, in: table, ownPid: ownPid) } ?? []
    var roles: [Int32: Roles] = [:]
    for lock in table.locks where lock.pid > 0 && lock.pid != ownPid {
      if sharedMemoryNames.contains(lock.file) {
        roles[lock.pid, default: []].formUnion(walRoles(of: lock))
      } else if databaseNames.contains(lock.file) {
        roles[lock.pid, default: []].formUnion(journalRoles(of: lock))
      }
    }
    return roles.filter { !$0.value.isEmpty }.map { LockHolder(pid: $0.key, roles: $0.value) }
      .sorted { $0.pid < $1.pid }
  }

  /// The names a file may have in the table. stat(2) and the kernel's list differ in the device on
  /// btrfs and overlayfs; a lock of our own on that inode shows what the list calls it.
  private static func names(
    of file: LockedFile, in table: FileLockTable, ownPid: Int32
  ) -> Set<LockedFile> {
    let own = table.locks.filter { $0.pid == ownPid && $0.file.inode == file.inode }
    return Set(own.map(\.file)).union([file])
  }

  private static func walRoles(of lock: FileLock) -> Roles {
    var roles: Roles = []
    if lock.covers(120) && lock.exclusive { roles.insert(.writer) }
    if lock.covers(121) && lock.exclusive { roles.insert(.checkpointer) }
    if lock.covers(122) && lock.exclusive { roles.insert(.recovery) }
    if !lock.exclusive && lock.first <= 127 && lock.last >= 123 { roles.insert(.reader) }
    if lock.covers(128) { roles.insert(.open) }
    return roles
  }

  private static func journalRoles(of lock: FileLock) -> Roles {
    let pendingByte: Int64 = 0x4000_0000
    var roles: Roles = [.open]
    if lock.covers(pendingByte) && lock.exclusive { roles.insert(.pending) }
    if lock.covers(pendingByte + 1) && lock.exclusive { roles.insert(.reserved) }
    if lock.covers(pendingByte + 2) && lock.exclusive { roles.insert(.exclusive) }
    return roles
  }

  /// SQLite names its files after the database that a symbolic link leads to.
  private static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

extension LockedFile {
  /// The file at `path`, as stat(2) tells; nil if there is none.
  fileprivate init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Splits a device number as Linux's `gnu_dev_major` and `gnu_dev_minor` do.
  init(device: UInt64, inode: UInt64) {
    self.init(
      major: (device >> 8) & 0xfff | (device >> 32) & ~0xfff,
      minor: device & 0xff | (device >> 12) & 0xffff_ff00, inode: inode)
  }
}
