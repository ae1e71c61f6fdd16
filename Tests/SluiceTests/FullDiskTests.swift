import Foundation
import SQLite
import TestSupport
import Testing

@testable import Sluice

@Suite(
  "A full disk", .serialized,
  .enabled(if: SmallDisk.isPossible, "a small file system cannot be mounted here (not root)"))
struct FullDiskTests {
  @Test("the writer pauses, says so once, burns no job and goes on when there is room")
  func pause() throws {
    let disk = try #require(try SmallDisk(mebibytes: 8))
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)", at: disk.path)
    #expect(try fixture.run("INSERT INTO t VALUES(0)").status == .done)
    try disk.fill(leaving: 0)
    let jobs = (1...20).map {
      fixture.submit("INSERT INTO t VALUES(?)", .blob(.init(repeating: UInt8($0), count: 100_000)))
    }
    #expect(fixture.report("nothing is written")?.contains("SQLITE_FULL") == true)
    // Reads go on meanwhile.
    #expect(try fixture.run("SELECT count(*) FROM t").status == .done)
    Pause.milliseconds(300)
    #expect(fixture.engine.writerStatus.snapshot.pausedBecause != nil)
    try disk.empty()
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done && $0["attempts"] == "1" })
    #expect(fixture.report("the writer goes on") != nil)
    #expect(fixture.reports.count == 2)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 21)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
    #expect(disk.size("main.db-sluice-reserve") == 1 << 20)
  }

  @Test("a job bigger than the disk is given up alone, and the WAL shrinks again")
  func tooLarge() throws {
    let disk = try #require(try SmallDisk(mebibytes: 16))
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)", at: disk.path)
    let (jobs, large) = try fixture.inOneGroup {
      let first = fixture.submit("INSERT INTO t VALUES(1)")
      let large = fixture.submit(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)
        INSERT INTO big SELECT zeroblob(10000) FROM n
        """)
      return ([first, fixture.submit("INSERT INTO t VALUES(2)")], large)
    }
    let failed = try fixture.result(large)
    #expect(failed.status == .failed && failed.kind == "storage" && failed.code == "SQLITE_FULL")
    #expect(failed["error/retryable"] == "false" && failed.hint.contains("split"))
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done })
    #expect(try fixture.run("INSERT INTO t VALUES(3)").status == .done)
    #expect(try fixture.values("SELECT a FROM t ORDER BY a") == (1...3).map { .integer($0) })
    #expect(try fixture.integer("SELECT count(*) FROM big") == 0)
    #expect(disk.size("main.db-wal") < 1 << 20)
    #expect(disk.size("main.db-sluice-reserve") == 1 << 20)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("a job that does not fit at COMMIT only is given up as well")
  func tooLargeAtCommit() throws {
    let disk = try #require(try SmallDisk(mebibytes: 8))
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)", at: disk.path)
    try fixture.run("INSERT INTO t VALUES(0)")
    // It stays in SQLite's cache (2 MiB) until COMMIT, and then finds less than that.
    try disk.fill(leaving: 3 << 19)
    let large = fixture.submit(
      "INSERT INTO t VALUES(?)", .blob(.init(repeating: 7, count: 1_700_000)))
    let small = fixture.submit("INSERT INTO t VALUES(2)")
    let failed = try fixture.result(large)
    #expect(failed.status == .failed && failed.code == "SQLITE_FULL")
    #expect(try fixture.result(small).status == .done)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("a disk that is full at the start only pauses the writer")
  func fullAtStart() throws {
    let disk = try #require(try SmallDisk(mebibytes: 4))
    try disk.fill(leaving: 0)
    let fixture = try EngineFixture(at: disk.path)
    #expect(fixture.report("nothing is written") != nil)
    let job = fixture.submit("CREATE TABLE t(a)")
    try disk.empty()
    #expect(try fixture.result(job).status == .done)
    #expect(fixture.report("the writer goes on") != nil)
  }
}
