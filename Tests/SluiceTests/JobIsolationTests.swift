import SQLite
import Testing

@testable import Sluice

@Suite("Jobs beside each other")
struct JobIsolationTests {
  @Test("a temporary table of one job does not shadow its neighbours' table")
  func temporaryTable() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("INSERT INTO t VALUES(1)"),
        fixture.submit(
          """
          CREATE TEMP TABLE t(a); INSERT INTO t VALUES(99); INSERT INTO main.t SELECT a+1 FROM temp.t
          """),
        fixture.submit("INSERT INTO t VALUES(2)"),
        fixture.submit("CREATE TEMP TABLE t(a); INSERT INTO t VALUES(99)"),
      ]
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.done, .done, .done, .done])
    #expect(
      try fixture.values("SELECT a FROM t ORDER BY a") == [.integer(1), .integer(2), .integer(100)])
  }

  @Test("every kind of temporary object ends with its job")
  func temporaryObjects() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    for _ in 0..<2 {
      let result = try fixture.run(
        """
        CREATE TEMP VIEW v AS SELECT 1;
        CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t VALUES(0); END;
        INSERT INTO t VALUES(1)
        """)
      #expect(result.status == .done)
    }
    #expect(try fixture.run("INSERT INTO t VALUES(2)").status == .done)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 5)
    #expect(try fixture.run("DROP VIEW v").code == "SQLITE_ERROR")
  }

  @Test("a job may ask for another isolation; it runs alone", arguments: IsolationLevel.allCases)
  func isolation(level: IsolationLevel) throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let (neighbour, job) = try fixture.inOneGroup {
      let neighbour = fixture.submit("INSERT INTO t VALUES(0)")
      let job = Job("INSERT INTO t VALUES(?)", [.integer(1)]).with { $0.transaction = level }
      return (neighbour, fixture.submit(job))
    }
    let (first, second) = (try fixture.result(neighbour), try fixture.result(job))
    #expect(first.status == .done && second.status == .done)
    #expect((first.commit == second.commit) == (level == .immediate))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
  }

  @Test("a leading PRAGMA foreign_keys holds for its job only")
  func leadingForeignKeys() throws {
    let schema = "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p)"
    let on = try EngineFixture(schema: schema) { $0.foreignKeys = true }
    let orphan = "INSERT INTO c VALUES(1)"
    #expect(
      try on.run("-- a dump\nPRAGMA foreign_keys=OFF;\nBEGIN;\(orphan);COMMIT;").status == .done)
    #expect(try on.run(orphan).code == "SQLITE_CONSTRAINT_FOREIGNKEY")

    let off = try EngineFixture(schema: schema)
    #expect(
      try off.run("PRAGMA foreign_keys(1); \(orphan)").code == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(try off.run(orphan).status == .done)
    let result = try off.run("PRAGMA main.foreign_keys = 'on'; \(orphan)")
    #expect(result.code == "SQLITE_CONSTRAINT_FOREIGNKEY")
  }

  @Test(
    "a PRAGMA foreign_keys before writes that is not leading is rejected",
    arguments: [
      "INSERT INTO t VALUES(1); PRAGMA foreign_keys=OFF; INSERT INTO t VALUES(2)",
      "BEGIN; PRAGMA foreign_keys=OFF; INSERT INTO t VALUES(2)",
      "PRAGMA foreign_keys=OFF; INSERT INTO t VALUES(1); PRAGMA foreign_keys=ON; DELETE FROM t",
    ])
  func foreignKeysInside(sql: String) throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let result = try fixture.run(sql)
    #expect(result.status == .rejected && result.code == SluiceCode.forbidden)
    #expect(result.hint.contains("in front"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("a PRAGMA foreign_keys with no rows written after it is harmless")
  func foreignKeysAtEnd() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let result = try fixture.run("INSERT INTO t VALUES(1); PRAGMA foreign_keys=ON")
    #expect(result.status == .done)
    #expect(try fixture.run("PRAGMA foreign_keys=ON").status == .done)
  }

  @Test("counters tell nothing of other jobs")
  func counters() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE log(x, y, z)")
    let counts = "INSERT INTO log SELECT changes(), total_changes(), last_insert_rowid()"
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("INSERT INTO t VALUES(1),(2),(3)"),
        fixture.submit(counts),
        fixture.submit("INSERT INTO t VALUES(4),(5); \(counts); UPDATE t SET a=a; \(counts)"),
        fixture.submit(counts),
      ]
    }
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done })
    let rows = try fixture.run("SELECT * FROM log").rows
    #expect(rows == "[[0,0,0],[2,2,5],[5,8,2],[0,0,0]]")
  }

  @Test("a $ref to last_insert_rowid is the job's own")
  func lastInsertRowid() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let insert = JobStatement(
      sql: "INSERT INTO t VALUES(?)", parameters: .once(.positional([.lastInsertRowid])))
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("INSERT INTO t VALUES(1),(2)"),
        fixture.submit(Job(statements: [insert, insert])),
      ]
    }
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done })
    #expect(try fixture.values("SELECT a FROM t").suffix(2) == [.integer(0), .integer(3)])
  }

  @Test("user_version and application_id can be set, and are undone with a failing job")
  func settablePragmas() throws {
    let fixture = try EngineFixture()
    #expect(try fixture.run("PRAGMA user_version=7; PRAGMA application_id=9").status == .done)
    #expect(
      try fixture.run("PRAGMA user_version=8; INSERT INTO nosuch VALUES(1)").status == .failed)
    #expect(try fixture.run("PRAGMA user_version").rows == "[[7]]")
    #expect(try fixture.run("PRAGMA application_id").rows == "[[9]]")
  }

  @Test("a statement that was compiled before knows a column that was added since")
  func addedColumn() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    #expect(try fixture.run("SELECT * FROM t").rows == "[[1]]")
    #expect(try fixture.run("INSERT INTO t(a) VALUES(2) RETURNING *").rows == "[[2]]")
    #expect(try fixture.run("ALTER TABLE t ADD COLUMN b DEFAULT 'x'").status == .done)
    let read = try fixture.run("SELECT * FROM t")
    #expect(read.rows == "[[1,\"x\"],[2,\"x\"]]")
    #expect(read["statements/0/columns"] == "[\"a\",\"b\"]")
    #expect(try fixture.run("DELETE FROM t").status == .done)
    let empty = try fixture.run("SELECT * FROM t")
    #expect(empty["statements/0/columns"] == "[\"a\",\"b\"]" && empty.rows == "[]")
  }

  @Test("a schema change in a job is seen by the next one of its group")
  func schemaChange() throws {
    let fixture = try EngineFixture()
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("INSERT INTO t VALUES(0)"), fixture.submit("CREATE TABLE t(a)"),
        fixture.submit("INSERT INTO t VALUES(1)"),
      ]
    }
    #expect(try fixture.results(jobs).map(\.status) == [.failed, .done, .done])
  }
}
