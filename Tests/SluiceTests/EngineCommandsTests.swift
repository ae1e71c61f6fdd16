import Glibc
import SQLite
import Testing

@testable import Sluice

@Suite("Commands to an engine")
struct EngineCommandsTests {
  private func maintain(
    _ work: ControlRequest.Maintenance, _ fixture: EngineFixture
  ) throws -> TestResult {
    let job = Job(body: .control(.maintenance(work, database: "main")))
    let ticket = fixture.ticket(job)
    fixture.engine.maintain(work, for: ticket)
    return try fixture.result(ticket.sequence)
  }

  @Test("every kind of maintenance runs between groups and is answered once")
  func kinds() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    for work in ControlRequest.Maintenance.allCases {
      try fixture.run("INSERT INTO t VALUES(1)")
      #expect(try maintain(work, fixture).status == .done, "\(work.rawValue)")
    }
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
    let count = Int64(ControlRequest.Maintenance.allCases.count)
    #expect(try fixture.integer("SELECT count(*) FROM t") == count)
  }

  @Test("a vacuum makes the file smaller and leaves the WAL empty")
  func vacuum() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    try fixture.run("INSERT INTO t VALUES(zeroblob(4000000))")
    try fixture.run("DELETE FROM t")
    let before = try #require(try fixture.integer("PRAGMA page_count"))
    #expect(try maintain(.vacuum, fixture).status == .done)
    #expect(try #require(try fixture.integer("PRAGMA page_count")) < before / 10)
    var status = stat()
    #expect(stat(fixture.path + "-wal", &status) == 0 && status.st_size == 0)
  }

  @Test("a checkpoint that a reader holds back says so; it is no disaster")
  func heldBack() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let reader = try Connection(path: fixture.path, role: .reader)
    try reader.execute("BEGIN; SELECT count(*) FROM t")
    try fixture.run("INSERT INTO t VALUES(1)")
    let result = try maintain(.checkpoint, fixture)
    #expect(result.status == .failed && result.code == "SQLITE_BUSY")
    #expect(result.message.contains("reader") && result["error/retryable"] == "true")
    try reader.execute("COMMIT")
    #expect(try maintain(.checkpoint, fixture).status == .done)
  }

  @Test("a damaged database fails its check, and the rows say where")
  func damage() throws {
    let fixture = try EngineFixture(
      schema: "CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES(1),(2),(3)")
    #expect(try maintain(.checkpoint, fixture).status == .done)
    let other = try Connection(path: fixture.path, role: .writer)
    try other.execute(
      "CREATE TABLE u(a); INSERT INTO u VALUES(1);")
    let root = try #require(
      try fixture.integer("SELECT rootpage FROM sqlite_schema WHERE name='i'"))
    try other.checkpoint(.truncate)
    let file = open(fixture.path, O_WRONLY)
    let page = [UInt8](repeating: 0xFF, count: 100)
    // The cells of the index; its header stays.
    #expect(pwrite(file, page, page.count, off_t(Int(root) * 4096 - 100)) == 100)
    close(file)
    let result = try maintain(.integrityCheck, fixture)
    #expect(result.status == .failed && result.code == "SQLITE_CORRUPT")
  }

  @Test("a backup is one state of the database, however many commits come meanwhile")
  func backup() throws {
    let fixture = try EngineFixture(
      schema: """
        CREATE TABLE t(a, b);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)
        INSERT INTO t SELECT 0, randomblob(4000) FROM n
        """)
    let copy = fixture.directory + "/copy.db"
    let ticket = fixture.ticket(Job(body: .control(.backup(database: "main", file: "copy.db"))))
    fixture.engine.backup(for: ticket, to: copy) { _ throws(JobError) in Array("{}".utf8) }
    var commits = 0
    while !fixture.hasOutcome(ticket.sequence) {
      // In one state all rows have one number.
      try fixture.run("UPDATE t SET a=a+1")
      commits += 1
    }
    #expect(try fixture.result(ticket.sequence).status == .done)
    let connection = try Connection(path: copy, role: .reader)
    #expect(try connection.command("PRAGMA integrity_check", most: 1) == ["ok"])
    let numbers = try connection.command(
      "SELECT CAST(count(DISTINCT a) AS TEXT) FROM t", most: 1)
    #expect(numbers == ["1"])
    #expect(access(copy + "-wal", F_OK) != 0)
  }

  @Test("a backup that is cancelled or fails leaves no file")
  func backupFails() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let copy = fixture.directory + "/copy.db"
    let ticket = fixture.ticket(Job(body: .control(.backup(database: "main", file: "copy.db"))))
    fixture.engine.backup(for: ticket, to: copy) { _ throws(JobError) in
      throw JobError(.storage, "SQLITE_IOERR", "there is no place for it")
    }
    #expect(try fixture.result(ticket.sequence).status == .failed)
    #expect(access(copy, F_OK) != 0)
    let nowhere = fixture.ticket(ticket.job)
    fixture.engine.backup(for: nowhere, to: fixture.directory + "/none/copy.db") {
      _ throws(JobError) in []
    }
    #expect(try fixture.result(nowhere.sequence).code == "SQLITE_CANTOPEN")
  }
}
