import SQLite
import Testing

@testable import Sluice

@Suite("The query monitor") struct QueryMonitorTests {
  private let monitor = QueryMonitor(slowSeconds: 0.05)

  private func fixture(_ monitor: QueryMonitor) throws -> EngineFixture {
    try EngineFixture(schema: "CREATE TABLE t(a UNIQUE,b)") { $0.monitor = monitor }
  }

  private func statement(
    _ text: String, in snapshot: QueryMonitor.Snapshot
  ) -> StatementStatistics? {
    snapshot.statements.first { $0.fingerprint.text == text }
  }

  @Test("counts runs, rows, changes and errors of each fingerprint, of writes and reads")
  func counts() throws {
    let fixture = try fixture(monitor)
    for number in 1...20 {
      try fixture.run("INSERT INTO t VALUES(?,?)", .integer(Int64(number)), .text("x"))
    }
    try fixture.run("insert into t values(1, 'again')")
    try fixture.run("INSERT INTO t VALUES(3, 4); UPDATE t SET b = 1 WHERE a < 5")
    try fixture.run("UPDATE t SET b = 1 WHERE a < 5; SELECT a FROM t WHERE a IN (1,2,3)")
    for _ in 1...7 { try fixture.run("SELECT a FROM t WHERE a IN (1,2)") }
    let snapshot = monitor.snapshot()
    let insert = try #require(statement("insert into t values(?, ?)", in: snapshot))
    #expect(insert.count == 22)
    #expect(insert.errors == 2)
    #expect(insert.changes == 20)
    let select = try #require(statement("select a from t where a in(?, ...)", in: snapshot))
    #expect(select.count == 8)
    #expect(select.rows == 17)
    #expect(select.latency.p50 > 0 && select.latency.p50 <= select.latency.maximum)
    #expect(statement("update t set b = ? where a < ?", in: snapshot)?.changes == 4)
    #expect(snapshot.statements.count == 3)
    // Uses of the statement caches: every run is one or the other.
    #expect(snapshot.uses.compiled + snapshot.uses.reused == 31)
    #expect(snapshot.uses.reused >= 19)
  }

  @Test("tells of each transaction once, with its jobs, pages and commit")
  func transactions() throws {
    let fixture = try fixture(monitor)
    let group = try fixture.inOneGroup {
      (1...5).map { fixture.submit("INSERT INTO t VALUES(?,?)", .integer($0), .null) }
    }
    _ = try fixture.results(group)
    let first = monitor.snapshot()
    let record = try #require(first.transactions.last { $0.end.jobs == 5 })
    #expect(record.end.outcome == .committed)
    #expect(record.end.commit == (try fixture.result(group[0]).commit))
    #expect(record.end.pages > 0)
    #expect(record.seconds > 0)
    let second = monitor.snapshot()
    #expect(second.transactions.isEmpty)
    #expect(second.totals.jobs == 5)
  }

  @Test("tells how long the writer waited for another process's lock")
  func lockWaits() throws {
    let fixture = try fixture(monitor)
    let other = try Connection(path: fixture.path, role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    let sequence = fixture.submit("INSERT INTO t VALUES(1,2)")
    let waits = eventually {
      if case .waitingForLock = fixture.engine.snapshot().activity { true } else { false }
    }
    #expect(waits)
    let held = fixture.engine.snapshot()
    #expect(held.holdUps.map(\.kind) == [.lock])
    #expect(held.lanes[Int(Priority.normal.rawValue)].writes == 1)
    try other.execute("ROLLBACK")
    _ = try fixture.result(sequence)
    let totals = monitor.snapshot().totals
    #expect(totals.lockWaits == 1)
    #expect(totals.lockWaitSeconds > 0.01)
    #expect(totals.lockTimeouts == 0)
    #expect(fixture.engine.snapshot().holdUps.isEmpty)
  }

  @Test("keeps a slow statement with its job and text, once, and finds its plan")
  func slow() throws {
    let fixture = try fixture(monitor)
    let sql = """
      WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<300000)
      SELECT count(*) FROM c LEFT JOIN t ON t.a = 5
      """
    let sequence = fixture.submit("SELECT 1; " + sql)
    _ = try fixture.result(sequence)
    let slow = monitor.snapshot().slow
    #expect(slow.count == 1)
    #expect(slow.first?.job == "job-\(sequence).json")
    #expect(slow.first?.sql.contains("WITH RECURSIVE") == true)
    #expect(slow.first?.isWhole == true)
    var plans = QueryPlans(path: fixture.path)
    let plan = try #require(plans.plans(of: slow).values.first)
    #expect(plan.contains { $0.contains("SEARCH t") })
    #expect(monitor.snapshot().slow.isEmpty)
  }

  @Test("a statement that outlives its time limit is an error")
  func timedOut() throws {
    let fixture = try fixture(monitor)
    try fixture.run(
      Job("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT max(x) FROM c")
        .with { $0.timeout = 0.1 })
    let statements = monitor.snapshot().statements
    #expect(statements.map(\.errors) == [1])
  }

  @Test("without a monitor the engine works the same and nothing is noted")
  func off() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    try fixture.run("INSERT INTO t VALUES(1)")
    let snapshot = fixture.engine.snapshot()
    #expect(snapshot.monitor == nil)
    #expect(snapshot.writer.jobs == 1)
  }

  @Test("what recorders noted is there after their connections are gone")
  func recordersGo() throws {
    do {
      let fixture = try fixture(monitor)
      for number in 1...10 { try fixture.run("INSERT INTO t VALUES(?,1)", .integer(Int64(number))) }
      try fixture.run("SELECT 1")
      fixture.engine.stop()
    }
    let snapshot = monitor.snapshot()
    #expect(snapshot.statements.reduce(0) { $0 + $1.count } == 11)
  }
}
