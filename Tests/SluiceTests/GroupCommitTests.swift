import SQLite
import Testing

@testable import Sluice

@Suite("Group commit")
struct GroupCommitTests {
  @Test("jobs that wait together share one commit, and each has its own outcome")
  func oneCommit() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    let jobs = try fixture.inOneGroup {
      (1...20).map { fixture.submit("INSERT INTO t(b) VALUES(?)", .integer($0)) }
    }
    let results = try fixture.results(jobs)
    #expect(results.allSatisfy { $0.status == .done })
    #expect(Set(results.map(\.commit)).count == 1)
    #expect(results.map { $0["statements/0/last_insert_rowid"] } == (1...20).map { "\($0)" })
    #expect(try fixture.integer("SELECT count(*) FROM t") == 20)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 20)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("commit numbers only grow, also over a restart")
  func commitGrows() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    var last: Int64 = 0
    for round in 0..<5 {
      let result = try fixture.run("INSERT INTO t VALUES(?)", .integer(Int64(round)))
      let commit = try #require(result.commit)
      #expect(commit > last)
      last = commit
    }
    fixture.engine.stop()
    let again = try EngineFixture(in: fixture) { $0.spool = 2 }
    let commit = try #require(again.run("INSERT INTO t VALUES(9)").commit)
    #expect(commit > last)
  }

  @Test("a done write's result has exactly the fields of the protocol, in its order")
  func shapeOfDone() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, b)")
    let job = Job("INSERT INTO t(b) VALUES(?) RETURNING id", [.text("x")]).with {
      $0.id = "order-1"
      $0.meta = Array("{\"a\":[1, 2]}".utf8)
      $0.priority = .high
    }
    let result = try fixture.run(job)
    #expect(
      result.keys() == [
        "job", "id", "meta", "status", "database", "priority", "attempts", "commit", "statements",
        "times", "cached",
      ])
    #expect(
      result.keys("statements/0") == [
        "columns", "rows", "changes", "last_insert_rowid", "seconds",
      ])
    #expect(result.keys("times") == ["arrived", "started", "finished", "waited", "ran"])
    #expect(result["statements/0/columns"] == "[\"id\"]")
    #expect(result.rows == "[[1]]")
    #expect(result["statements/0/changes"] == "1")
    #expect(result["meta"] == "{\"a\":[1, 2]}")
    #expect(result["priority"] == "\"high\"")
    #expect(result["database"] == "\"main\"")
    #expect(result["attempts"] == "1")
    #expect(result["cached"] == "false")
    #expect(result.outcome.result.last == UInt8(ascii: "\n"))
    #expect(try #require(result.number("times/waited")) >= 0)
  }

  @Test("a failed write's result names kind, code, number, message and statement")
  func shapeOfFailed() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a UNIQUE)")
    let twice = Job(statements: [
      JobStatement("INSERT INTO t VALUES(1)"), JobStatement("INSERT INTO t VALUES(1)"),
    ])
    let result = try fixture.run(twice)
    #expect(result.status == .failed)
    #expect(
      result.keys() == [
        "job", "status", "database", "priority", "attempts", "error", "times", "cached",
      ])
    #expect(
      result.keys("error") == [
        "kind", "code", "number", "message", "statement", "retryable", "hint",
      ])
    #expect(result.kind == "constraint")
    #expect(result.code == "SQLITE_CONSTRAINT_UNIQUE")
    #expect(result["error/number"] == "2067")
    #expect(result["error/statement"] == "1")
    #expect(result["error/retryable"] == "false")
    #expect(result.message.contains("UNIQUE constraint failed: t.a"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("an error in the SQL tells where it stands, also in the second of several statements")
  func offset() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let result = try fixture.run("INSERT INTO t VALUES(1); INSERT INTO t VALUES(nosuch)")
    #expect(result.status == .failed && result.kind == "sql" && result.code == "SQLITE_ERROR")
    #expect(result["error/statement"] == "1")
    #expect(result["error/offset"] == "46")
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("a job that fails in the middle of a group harms nobody")
  func constraintInside() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a UNIQUE)")
    let jobs = try fixture.inOneGroup {
      [1, 2, 1, 3].map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.done, .done, .failed, .done])
    #expect(Set(results.compactMap(\.commit)).count == 1)
    #expect(results[2].outcome.durability != .resultFile)
    #expect(
      try fixture.values("SELECT a FROM t ORDER BY a") == [.integer(1), .integer(2), .integer(3)])
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 4)
  }

  @Test("more jobs than a group holds are committed group by group, in their order")
  func groupSize() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") { $0.groupSize = 8 }
    let jobs = try fixture.inOneGroup {
      (0..<20).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    }
    let commits = try fixture.results(jobs).compactMap(\.commit)
    #expect(commits == commits.sorted())
    #expect(Set(commits).count == 3)
    #expect(try fixture.values("SELECT a FROM t ORDER BY rowid") == (0..<20).map { .integer($0) })
  }

  @Test("urgent jobs of a group run before those of lower lanes")
  func lanes() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let jobs = try fixture.inOneGroup {
      [Priority.bulk, .normal, .urgent, .high, .low].map {
        fixture.submit(Job("INSERT INTO t VALUES(?)", [.text($0.name)]), priority: $0)
      }
    }
    _ = try fixture.results(jobs)
    #expect(
      try fixture.values("SELECT a FROM t ORDER BY rowid")
        == ["urgent", "high", "normal", "low", "bulk"].map { .text($0) })
  }

  @Test("load counts a job until its outcome is delivered")
  func load() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let job = try fixture.inOneGroup {
      let job = fixture.submit("INSERT INTO t VALUES(1)")
      #expect(fixture.engine.load.writes == 1)
      return job
    }
    _ = try fixture.result(job)
    #expect(eventually { fixture.engine.load == (0, 0) })
  }

  @Test("several statements see each other's effects and are undone together")
  func severalStatements() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let done = try fixture.run(
      "BEGIN; INSERT INTO t VALUES(1); UPDATE t SET a=a+1; SELECT a FROM t; COMMIT;")
    #expect(done.status == .done)
    #expect(done["statements/2/rows"] == "[[2]]")
    let failed = try fixture.run("INSERT INTO t VALUES(7); INSERT INTO nosuch VALUES(1)")
    #expect(failed.status == .failed)
    #expect(try fixture.values("SELECT a FROM t") == [.integer(2)])
  }

  @Test("a NUL in the SQL is an error, not the silent end of it")
  func nul() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let result = try fixture.run("INSERT INTO t VALUES(1);\0INSERT INTO t VALUES(2)")
    #expect(result.status == .failed && result.message.contains("NUL"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }
}
