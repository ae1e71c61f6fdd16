import Foundation
import Testing

@testable import Sluice

@Suite("LockHolder")
struct LockHolderTests {
  private static let database = LockedFile(major: 0xfd, minor: 1, inode: 131_090)
  private static let sharedMemory = LockedFile(major: 0xfd, minor: 1, inode: 131_092)

  /// A WAL database used by 4711 (writes), 4712 (reads), 4713 (waits for a lock) and 100 (ourselves).
  private static let text = """
    1: FLOCK  ADVISORY  WRITE 77 fd:01:131092 0 EOF
    2: POSIX  ADVISORY  WRITE 4711 fd:01:131092 120 120
    2: -> POSIX  ADVISORY  WRITE 4713 fd:01:131092 120 120
    3: POSIX  ADVISORY  READ  4711 fd:01:131092 128 128
    4: POSIX  ADVISORY  READ 4712 fd:01:131092 125 125
    5: POSIX  ADVISORY  READ 4712 fd:01:131092 128 128
    6: POSIX  ADVISORY  READ 4712 fd:01:131090 1073741826 1073742335
    7: POSIX  ADVISORY  WRITE 100 fd:01:131092 121 121
    8: POSIX  ADVISORY  WRITE 4714 fe:01:131092 120 120
    9: OFDLCK ADVISORY  READ -1 fd:01:131092 123 123
    10: POSIX  MANDATORY WRITE 4715 fd:01:131093 0 EOF
    11: LEASE  ACTIVE    READ 4716 fd:01:131092 0 EOF
    12: POSIX  ADVISORY  WRITE

    """

  @Test("the list names who writes, reads and has the database open, but neither us nor others")
  func walRoles() {
    let holders = LockHolder.holders(
      in: FileLockTable(parsing: Self.text.utf8), database: Self.database,
      sharedMemory: Self.sharedMemory, ownPid: 100)
    #expect(
      holders == [
        LockHolder(pid: 4711, roles: [.writer, .open]),
        LockHolder(pid: 4712, roles: [.reader, .open]),
      ])
  }

  @Test("one lock over several bytes has all their meanings")
  func ranges() {
    let text = "1: POSIX  ADVISORY  WRITE 5 fd:01:131092 121 127\n"
    let holders = LockHolder.holders(
      in: FileLockTable(parsing: text.utf8), database: Self.database,
      sharedMemory: Self.sharedMemory, ownPid: 100)
    #expect(holders == [LockHolder(pid: 5, roles: [.checkpointer, .recovery])])
  }

  @Test("locks of a rollback journal are told apart on the database file")
  func journalRoles() {
    let text = """
      1: POSIX  ADVISORY  WRITE 6 fd:01:131090 1073741824 1073742335
      2: POSIX  ADVISORY  WRITE 7 fd:01:131090 1073741825 1073741825
      3: POSIX  ADVISORY  READ 7 fd:01:131090 1073741826 1073742335
      """
    let holders = LockHolder.holders(
      in: FileLockTable(parsing: text.utf8), database: Self.database, sharedMemory: nil, ownPid: 1)
    #expect(
      holders == [
        LockHolder(pid: 6, roles: [.open, .pending, .reserved, .exclusive]),
        LockHolder(pid: 7, roles: [.open, .reserved]),
      ])
  }

  @Test("where the list calls our own lock's file by another device, it is believed")
  func otherDevice() {
    let text = """
      1: POSIX  ADVISORY  READ 100 00:2a:131092 128 128
      2: POSIX  ADVISORY  WRITE 8 00:2a:131092 120 120
      """
    let holders = LockHolder.holders(
      in: FileLockTable(parsing: text.utf8), database: Self.database,
      sharedMemory: Self.sharedMemory, ownPid: 100)
    #expect(holders == [LockHolder(pid: 8, roles: .writer)])
  }

  @Test("device numbers are split as the kernel joins them")
  func devices() {
    #expect(LockedFile(device: 0xfd01, inode: 9) == LockedFile(major: 0xfd, minor: 1, inode: 9))
    let large = LockedFile(device: 0x1_2006_7893_45ab, inode: 9)
    #expect(large == LockedFile(major: 0x12345, minor: 0x6789ab, inode: 9))
  }

  @Test("a process's name may hold brackets, its arguments control characters")
  func process() throws {
    let found = try #require(
      ForeignProcess(
        pid: 4711, stat: Array("4711 (a) S (b) D 1 4711".utf8),
        arguments: Array("load\u{1b}[31m\0two words\0".utf8)))
    #expect(found.name == "a) S (b")
    #expect(found.description == "process 4711 (load [31m two words, waiting for a disk)")
    let bare = ForeignProcess(pid: 2, stat: Array("2 (kthreadd) S 0".utf8), arguments: [])
    #expect(bare?.command == "[kthreadd]")
    #expect(ForeignProcess(pid: 2, stat: Array("2 (".utf8), arguments: []) == nil)
  }

  @Test("a second process that writes, reads or only has the database open is named by its pid")
  func secondProcess() throws {
    let directory = try ScratchDirectory()
    let path = directory.path + "/main.db"
    let other = try SQLProcess(database: path)
    try other.run("PRAGMA journal_mode=WAL")
    try other.run("CREATE TABLE t(x)")
    #expect(LockHolder.all(onDatabase: path) == [LockHolder(pid: other.pid, roles: .open)])
    #expect(LockHolder.blockingWriters(ofDatabase: path).isEmpty)

    try other.run("BEGIN IMMEDIATE")
    let writing = try #require(LockHolder.all(onDatabase: path).first)
    #expect(writing.pid == other.pid)
    #expect(writing.roles.isSuperset(of: [.writer, .open]))
    let named = try #require(LockHolder.blockingWriters(ofDatabase: path).first)
    #expect(named.pid == other.pid && named.command.contains("import sqlite3"))
    #expect(named.state == .sleeping || named.state == .running)

    try other.run("ROLLBACK")
    try other.run("BEGIN")
    try other.run("SELECT count(*) FROM t")
    // Through a symbolic link as well: SQLite follows it before it names its files.
    let link = directory.path + "/link.db"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    #expect(
      LockHolder.all(onDatabase: link) == [LockHolder(pid: other.pid, roles: [.reader, .open])])

    try other.end()
    #expect(LockHolder.all(onDatabase: path).isEmpty)
  }

  @Test("a second process that writes with a rollback journal is named by its pid")
  func secondProcessWithJournal() throws {
    let directory = try ScratchDirectory()
    let path = directory.path + "/main.db"
    let other = try SQLProcess(database: path)
    try other.run("CREATE TABLE t(x)")
    try other.run("BEGIN IMMEDIATE")
    let writing = try #require(LockHolder.all(onDatabase: path).first)
    #expect(writing.pid == other.pid && writing.roles.contains(.reserved))
    try other.run("ROLLBACK")
    try other.run("BEGIN EXCLUSIVE")
    let alone = try #require(LockHolder.all(onDatabase: path).first)
    #expect(alone.roles.isSuperset(of: [.reserved, .pending, .exclusive]))
    try other.end()
  }

  @Test("a database that does not exist is held by nobody")
  func missing() {
    #expect(LockHolder.all(onDatabase: "/nonexistent/main.db").isEmpty)
  }
}

private final class ScratchDirectory {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appendingPathComponent("sluice-locks-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
