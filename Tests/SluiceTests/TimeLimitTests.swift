import SQLite
import Testing

@testable import Sluice

@Suite("Time limits and preemption")
struct TimeLimitTests {
  /// Writes one row for each number; some 100 ns each.
  private static func long(_ rows: Int) -> String {
    """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows))
    INSERT INTO big SELECT i FROM n
    """
  }

  private static let endless = long(1_000_000_000)

  @Test("a job that times out inside a group fails alone; its neighbours take effect once")
  func timeoutInGroup() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)")
    let (jobs, slow) = try fixture.inOneGroup {
      let before = (1...3).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      let slow = fixture.submit(Job(Self.endless).with { $0.timeout = 0.05 })
      let after = (4...6).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      return (before + after, slow)
    }
    let failed = try fixture.result(slow)
    #expect(failed.status == .failed && failed.kind == "timeout")
    #expect(failed.code == SluiceCode.timeout)
    #expect(failed["error/statement"] == "0" && failed["error/retryable"] == "false")
    #expect(failed["attempts"] == "1")
    #expect(try #require(failed.number("times/ran")) >= 0.05)
    #expect(try fixture.results(jobs).allSatisfy { $0.status == .done })
    #expect(try fixture.values("SELECT a FROM t ORDER BY a") == (1...6).map { .integer($0) })
    #expect(try fixture.integer("SELECT count(*) FROM big") == 0)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 7)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("a read-only statement of a write job times out as well, and rows together")
  func otherTimeouts() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let counting = """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n
      """
    let job = Job(statements: [JobStatement("INSERT INTO t VALUES(1)"), JobStatement(counting)])
    let result = try fixture.run(job.with { $0.timeout = 0.05 })
    #expect(result.code == SluiceCode.timeout && result["error/statement"] == "1")
    let rows = Job(statements: [
      JobStatement(
        sql: """
          INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)
          SELECT max(i)+? FROM n
          """,
        parameters: .rows((0..<2000).map { .positional([.value(.integer($0))]) }))
    ])
    #expect(try fixture.run(rows.with { $0.timeout = 0.05 }).code == SluiceCode.timeout)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("the engine's own statements are never stopped by a job's time")
  func manyTimeouts() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)") {
      $0.groupWindow = 0.001
    }
    let jobs = (0..<60).map { number in
      number % 3 == 0
        ? fixture.submit(Job(Self.endless).with { $0.timeout = 0.005 })
        : fixture.submit("INSERT INTO t VALUES(?)", .integer(Int64(number)))
    }
    let results = try fixture.results(jobs)
    #expect(results.filter { $0.code == SluiceCode.timeout }.count == 20)
    #expect(results.filter { $0.status == .done }.count == 40)
    #expect(fixture.reports.isEmpty)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 40)
  }

  @Test("a job that outlives the group's window runs alone and completes")
  func longJobAlone() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)") {
      $0.groupWindow = 0.010
    }
    let (jobs, slow) = try fixture.inOneGroup {
      let first = fixture.submit("INSERT INTO t VALUES(1)")
      let slow = fixture.submit(Self.long(500_000))
      return ([first, fixture.submit("INSERT INTO t VALUES(2)")], slow)
    }
    let long = try fixture.result(slow)
    let others = try fixture.results(jobs)
    #expect(long.status == .done && long["attempts"] == "1")
    #expect(long["statements/0/changes"] == "500000")
    #expect(others.allSatisfy { $0.status == .done && $0.commit != long.commit })
    #expect(try fixture.integer("SELECT count(*) FROM big") == 500_000)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
  }

  @Test("a long bulk job gives way to urgent ones three times, then keeps its turn")
  func preemption() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)") {
      $0.groupWindow = 0.010
    }
    let bulk = fixture.submit(Job(Self.long(3_000_000)), priority: .bulk)
    var urgent: [TestResult] = []
    while !fixture.hasOutcome(bulk) {
      urgent.append(try fixture.run(Job("INSERT INTO t VALUES(1)"), priority: .urgent))
      Pause.milliseconds(20)
    }
    let result = try fixture.result(bulk)
    #expect(result.status == .done && result["attempts"] == "1")
    #expect(try fixture.integer("SELECT count(*) FROM big") == 3_000_000)
    #expect(fixture.engine.writerStatus.snapshot.preemptions == 3)
    #expect(urgent.allSatisfy { $0.status == .done })
    #expect(try fixture.integer("SELECT count(*) FROM t") == Int64(urgent.count))
    let commit = try #require(result.commit)
    #expect(urgent.filter { ($0.commit ?? 0) < commit }.count >= 3)
  }

  @Test("stopping undoes what runs and leaves it without an outcome")
  func stop() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE big(a)")
    let job = fixture.submit(Self.endless)
    #expect(eventually { fixture.engine.load.writes == 1 })
    Pause.milliseconds(30)
    fixture.engine.stop()
    #expect(!fixture.hasOutcome(job))
    #expect(try fixture.integer("SELECT count(*) FROM big") == 0)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 0)
    #expect(throws: JobError.self) { try fixture.engine.unsettledRows() }
  }
}
