import Foundation
import SQLite
import Testing

@testable import Sluice

@Suite("Another process on the same database")
struct ForeignWriterTests {
  @Test("a lock that another process holds for a while is waited for; reads go on")
  func waits() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let other = try SQLProcess(database: fixture.path)
    try other.run("BEGIN IMMEDIATE")
    try other.run("INSERT INTO t VALUES(100)")
    let jobs = (0..<3).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[0]]")
    Pause.milliseconds(500)
    #expect(fixture.outcomeCounts.count == 1)
    try other.run("COMMIT")
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done && $0["attempts"] == "1" })
    #expect(try fixture.integer("SELECT count(*) FROM t") == 4)
    #expect(fixture.reports.isEmpty)
    try other.end()
  }

  @Test("a lock held past every retry is charged to the first job only, and its holder is named")
  func busy() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") {
      $0.connectionTimeout = 0.1
      $0.maxRetries = 2
    }
    let other = try SQLProcess(database: fixture.path)
    try other.run("BEGIN IMMEDIATE")
    let jobs = (0..<3).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    let first = try fixture.result(jobs[0])
    #expect(
      first.status == .failed && first.kind == "lock_timeout" && first.code == SluiceCode.busy)
    #expect(first["attempts"] == "3" && first["error/retryable"] == "true")
    #expect(first.message.contains("process \(other.pid) (") && first.message.contains("3 times"))
    #expect(fixture.engine.snapshot().holdUps.first?.text.contains("\(other.pid)") == true)
    try other.run("COMMIT")
    #expect(try fixture.results(Array(jobs.dropFirst())).allSatisfy { $0.status == .done })
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
    try other.end()
  }

  @Test("a job on a connection of its own waits for the lock like all others")
  func busySolo() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") {
      $0.connectionTimeout = 0.1
      $0.maxRetries = 1
    }
    let other = try SQLProcess(database: fixture.path)
    try other.run("BEGIN IMMEDIATE")
    let alone = Job("INSERT INTO t VALUES(1)").with { $0.transaction = .exclusive }
    let result = try fixture.run(alone)
    #expect(result.code == SluiceCode.busy && result["attempts"] == "2")
    let second = fixture.submit(alone)
    try other.run("COMMIT")
    #expect(try fixture.result(second).status == .done)
    try other.end()
  }

  @Test(
    "a database that is locked when the engine starts pauses the writer only",
    .timeLimit(.minutes(1)))
  func lockedAtStart() throws {
    let directory = try EngineFixture()
    let other = try SQLProcess(database: directory.path)
    try other.run("BEGIN IMMEDIATE")
    // A spool that is new to this database has a row to write.
    let fixture = try EngineFixture(in: directory) { $0.spool = 77 }
    let job = fixture.submit("CREATE TABLE t(a)")
    #expect(fixture.report("nothing is written") != nil)
    try other.run("ROLLBACK")
    #expect(try fixture.result(job).status == .done)
    try other.end()
  }

  @Test("no committed row is lost while both sides write and checkpoint, and both get their turns")
  func checkpoints() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE ours(a); CREATE TABLE theirs(a, b)")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // It waits for locks for long enough that no insert fails.
    let program = """
      import sqlite3, sys
      db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
      db.execute("PRAGMA wal_autocheckpoint=50")
      db.execute("PRAGMA synchronous=OFF")
      for i in range(int(sys.argv[2])):
        db.execute("INSERT INTO theirs VALUES(?,zeroblob(2000))", (i,))
      """
    let count: Int64 = 1500
    process.arguments = ["python3", "-c", program, fixture.path, "\(count)"]
    try process.run()
    var submitted: Int64 = 0
    while process.isRunning {
      let jobs = (0..<8).map { offset in
        fixture.submit("INSERT INTO ours VALUES(?)", .integer(submitted + Int64(offset)))
      }
      submitted += 8
      for job in jobs { #expect(try fixture.result(job).status == .done) }
    }
    #expect(process.terminationStatus == 0)
    #expect(try fixture.integer("SELECT count(DISTINCT a) FROM theirs") == count)
    #expect(try fixture.integer("SELECT count(DISTINCT a) FROM ours") == submitted)
    #expect(try fixture.values("PRAGMA integrity_check") == [.text("ok")])
    // Each round of eight waits for a sync, and a disk may take a second for one.
    #expect(submitted >= 16)
  }
}
