import SQLite
import Testing

@testable import Sluice

@Suite("Reads")
struct ReadTests {
  private static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

  @Test("a read's result has no commit and is not in the ledger")
  func shape() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    let result = try fixture.run("SELECT a FROM t")
    #expect(
      result.keys() == [
        "job", "status", "database", "priority", "attempts", "statements", "times", "cached",
      ])
    #expect(result.keys("statements/0") == ["columns", "rows", "seconds"])
    #expect(result.outcome.durability == .resultFile)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 0)
  }

  @Test("reads run while the writer is busy")
  func besideWriter() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let write = fixture.submit(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000000)
      INSERT INTO t SELECT i FROM n
      """)
    #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[0]]")
    #expect(!fixture.hasOutcome(write))
    #expect(try fixture.result(write).status == .done)
    #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[1000000]]")
  }

  @Test("a read that follows a write's outcome sees it")
  func afterWrite() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    for count in 1...100 {
      try fixture.run("INSERT INTO t VALUES(1)")
      #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[\(count)]]")
    }
  }

  @Test("EXPLAIN QUERY PLAN tells the plan of the schema as it is, on a connection that is old")
  func explain() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a, b)") { $0.poolSize = 1 }
    let plan = "EXPLAIN QUERY PLAN SELECT b FROM t WHERE a = 1"
    #expect(try fixture.run(plan).rows?.contains("SCAN") == true)
    try fixture.run("CREATE INDEX t_a ON t(a)")
    #expect(try fixture.run(plan).rows?.contains("SEARCH") == true)
    try fixture.run("DROP INDEX t_a")
    let both = Job(statements: [JobStatement("SELECT 1"), JobStatement(plan)])
    #expect(try fixture.run(both)["statements/1/rows"]?.contains("SCAN") == true)
  }

  @Test("the statements of a read see one snapshot, whatever is written meanwhile")
  func snapshot() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let slow = """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000)
      SELECT max(i) FROM n
      """
    let count = "SELECT count(*) FROM t"
    for separate in [true, false] {
      let texts = [count, slow, count]
      let read = Job(
        statements: separate
          ? texts.map { JobStatement($0) } : [JobStatement(texts.joined(separator: ";"))])
      var jobs: [Int64] = []
      for _ in 0..<20 {
        jobs.append(fixture.submit(read))
        fixture.submit("INSERT INTO t VALUES(1)")
      }
      for result in try fixture.results(jobs) {
        #expect(result["statements/0/rows"] == result["statements/2/rows"])
      }
    }
  }

  @Test("a read that takes too long is stopped, and its connection goes on serving")
  func timeout() throws {
    let fixture = try EngineFixture { $0.queryTimeout = 0.05 }
    let result = try fixture.run(Self.endless)
    #expect(result.status == .failed && result.code == SluiceCode.timeout)
    #expect(result["attempts"] == "1")
    #expect(try fixture.run("SELECT 1").rows == "[[1]]")
    #expect(fixture.engine.pool.statistics.opened == 1)
  }

  @Test("a quick read does not wait behind a slow one that was submitted with it")
  func slowNeighbour() throws {
    let fixture = try EngineFixture { $0.queryTimeout = 2 }
    let slow = (0..<3).map { _ in fixture.ticket(Job(Self.endless)) }
    let quick = (0..<3).map { _ in fixture.ticket(Job("SELECT 1")) }
    fixture.engine.submit([quick[0]] + slow + quick.dropFirst())
    #expect(try fixture.results(quick.map(\.sequence)).allSatisfy { $0.status == .done })
    #expect(slow.allSatisfy { !fixture.hasOutcome($0.sequence) })
    #expect(try fixture.results(slow.map(\.sequence)).allSatisfy { $0.code == SluiceCode.timeout })
  }

  @Test(
    "what looks like a read and writes is run by the writer",
    arguments: [
      "WITH x(a) AS (SELECT 1) INSERT INTO t SELECT a FROM x", "SELECT 1; INSERT INTO t VALUES(1)",
      "PRAGMA user_version=3; INSERT INTO t VALUES(1)",
    ])
  func needsWriter(sql: String) throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let result = try fixture.run(sql)
    #expect(result.status == .done && result.commit != nil)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
    #expect(eventually { fixture.engine.load == (0, 0) })
  }

  @Test("an error of a read's SQL is told like that of a write")
  func errors() throws {
    let fixture = try EngineFixture()
    let missing = try fixture.run("SELECT * FROM nosuch")
    #expect(missing.status == .failed && missing.kind == "sql" && missing.code == "SQLITE_ERROR")
    let function = try fixture.run("SELECT 1; SELECT nosuch()")
    #expect(function["error/statement"] == "1")
    #expect(try fixture.run("SELECT abs(-9223372036854775808)").code == "SQLITE_ERROR")
  }

  @Test("many reads are each answered once, by no more connections than the pool has")
  func many() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); INSERT INTO t VALUES(1)") {
      $0.poolSize = 3
    }
    let jobs = (0..<500).map { fixture.submit("SELECT a+? FROM t", .integer($0)) }
    for (number, result) in try fixture.results(jobs).enumerated() {
      #expect(result.rows == "[[\(number + 1)]]")
    }
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
    #expect(fixture.engine.pool.statistics.open <= 3)
    #expect(eventually { fixture.engine.load == (0, 0) })
  }

  @Test("stopping ends a read that runs, without an outcome")
  func stop() throws {
    let fixture = try EngineFixture()
    let job = fixture.submit(Self.endless)
    #expect(eventually { fixture.engine.pool.statistics.lent == 1 })
    fixture.engine.stop()
    #expect(!fixture.hasOutcome(job))
  }

  @Test("reads that may have killed a worker run one at a time, others beside them")
  func suspects() throws {
    let observer = ReadCounter()
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)", observer: observer)
    let slow = Job(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)
      SELECT max(i) FROM n
      """)
    let suspects = (0..<8).map { _ in fixture.ticket(slow) }
    observer.watch(Set(suspects.map(\.sequence)))
    for ticket in suspects { fixture.engine.submit([ticket], alone: true) }
    let others = (0..<8).map { _ in fixture.submit(slow) }
    for result in try fixture.results(suspects.map(\.sequence) + others) {
      #expect(result.status == .done)
    }
    #expect(observer.mostAtOnce == 1)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }
}

/// Counts how many of some reads run at once.
private final class ReadCounter: RunObserver {
  private struct State: Sendable {
    var watched: Set<Int64> = []
    var running: [Int: Int64] = [:]
    var most = 0
  }

  private let state = Monitor(State())

  func watch(_ sequences: Set<Int64>) { state.withLock { $0.watched = sequences } }
  var mostAtOnce: Int { state.withLock { $0.most } }

  func writerStarts(sequence: Int64, index: Int) {}
  func writerGotFurther(sequence: Int64) {}
  func writerRests() {}

  func reader(_ slot: Int, starts sequence: Int64) {
    state.withLock { state in
      guard state.watched.contains(sequence) else { return }
      state.running[slot] = sequence
      state.most = max(state.most, state.running.count)
    }
  }

  func readerRests(_ slot: Int) { state.withLock { $0.running[slot] = nil } }
}
