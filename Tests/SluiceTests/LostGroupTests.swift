import SQLite
import Testing

@testable import Sluice

@Suite("A group whose transaction is lost")
struct LostGroupTests {
  private static let schema = """
    CREATE TABLE t(a INTEGER UNIQUE);
    CREATE TABLE strict(a INTEGER UNIQUE ON CONFLICT ROLLBACK);
    CREATE TRIGGER no13 BEFORE INSERT ON t WHEN new.a=13
    BEGIN SELECT RAISE(ROLLBACK,'thirteen is refused'); END;
    """

  private static let offences = [
    "INSERT INTO t VALUES(13)", "INSERT OR ROLLBACK INTO t VALUES(1)",
    "INSERT INTO strict VALUES(7),(7)", "UPDATE OR ROLLBACK t SET a=1 WHERE a=2",
  ]

  @Test(
    "a job that rolls everything back fails alone, the others take effect once", arguments: offences
  )
  func rollback(offence: String) throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let (jobs, offender) = try fixture.inOneGroup {
      let before = (1...3).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      let offender = fixture.submit(offence)
      let after = (4...6).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      return (before + after, offender)
    }
    let failed = try fixture.result(offender)
    #expect(failed.status == .failed && failed.kind == "constraint")
    #expect(failed.code?.hasPrefix("SQLITE_CONSTRAINT_") == true)
    #expect(failed["times/started"] != nil)
    #expect(failed.outcome.durability != .resultFile)
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done })
    #expect(try fixture.values("SELECT a FROM t ORDER BY a") == (1...6).map { .integer($0) })
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 7)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("several such jobs in one group each fail with their own error")
  func several() throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let jobs = try fixture.inOneGroup {
      [1, 13, 2, 13, 3, 13].map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.done, .failed, .done, .failed, .done, .failed])
    #expect(results[1].message.contains("thirteen is refused"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 3)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 6)
  }

  @Test("a job that would be rejected after it rolled back is not run on")
  func rollbackThenForbidden() throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let result = try fixture.run("INSERT INTO t VALUES(13); INSERT INTO t VALUES(14)")
    #expect(result.status == .failed)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("a deferred foreign key is judged job by job: a later job cannot heal it")
  func deferredForeignKey() throws {
    let fixture = try EngineFixture(
      schema: """
        CREATE TABLE parent(id INTEGER PRIMARY KEY);
        CREATE TABLE child(p REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        """
    ) { $0.foreignKeys = true }
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("INSERT INTO child VALUES(1)"),
        fixture.submit("INSERT INTO parent VALUES(1)"),
        fixture.submit("INSERT INTO child VALUES(1)"),
        fixture.submit("INSERT INTO child VALUES(2); INSERT INTO parent VALUES(2)"),
      ]
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.failed, .done, .done, .done])
    #expect(results[0].code == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(results[0]["error/number"] == "787")
    #expect(Set(results.compactMap(\.commit)).count == 1)
    #expect(try fixture.integer("SELECT count(*) FROM child") == 2)
  }

  @Test("defer_foreign_keys ends with its job, also when the job fails")
  func deferPragma() throws {
    let fixture = try EngineFixture(
      schema: """
        CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent);
        """
    ) { $0.foreignKeys = true }
    func healed(_ id: Int) -> String {
      "INSERT INTO child VALUES(\(id)); INSERT INTO parent VALUES(\(id))"
    }
    let jobs = try fixture.inOneGroup {
      [
        fixture.submit("PRAGMA defer_foreign_keys=ON; " + healed(5)),
        fixture.submit(healed(6)),
        fixture.submit("PRAGMA defer_foreign_keys=ON; INSERT INTO child VALUES(9)"),
        fixture.submit(healed(8)),
      ]
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.done, .failed, .failed, .failed])
    #expect(results[1].code == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(results[2].code == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(results[1]["error/statement"] == "0" && results[3]["error/statement"] == "0")
  }
}
