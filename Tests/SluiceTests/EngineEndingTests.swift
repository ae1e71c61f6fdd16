import SQLite
import Testing

@testable import Sluice

@Suite("Ending and taking back jobs")
struct EngineEndingTests {
  private static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"

  /// Asks until the job has its outcome, as the contract wants it.
  private func end(_ sequence: Int64, as end: EarlyEnd, _ fixture: EngineFixture) throws
    -> TestResult
  {
    _ = eventually {
      fixture.engine.end(sequence, as: end)
      return fixture.hasOutcome(sequence)
    }
    return try fixture.result(sequence)
  }

  @Test("a job that waits is cancelled at once, with a row of the ledger, and never runs")
  func queued() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let (first, second) = try fixture.inOneGroup {
      let pair = (
        fixture.submit("INSERT INTO t VALUES(1)"), fixture.submit("INSERT INTO t VALUES(2)")
      )
      fixture.engine.end(pair.1, as: .cancelled)
      return pair
    }
    let cancelled = try fixture.result(second)
    #expect(cancelled.status == .cancelled && cancelled.code == SluiceCode.cancelled)
    guard case .ledger = cancelled.outcome.durability else {
      Issue.record("it has no row")
      return
    }
    #expect(try fixture.result(first).status == .done)
    #expect(try fixture.values("SELECT a FROM t") == [.integer(1)])
    #expect(eventually { fixture.engine.load == (0, 0) })
  }

  @Test("a running write is stopped with its group, whose other jobs take effect once")
  func runningInGroup() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE big(a)")
    let (before, long, after) = try fixture.inOneGroup {
      (
        fixture.submit("INSERT INTO t VALUES(1)"),
        fixture.submit("INSERT INTO big " + Self.endless),
        fixture.submit("INSERT INTO t VALUES(2)")
      )
    }
    let result = try end(long, as: .expired, fixture)
    #expect(result.status == .expired && result.code == SluiceCode.expired)
    #expect(result.kind == "timeout")
    #expect(try fixture.results([before, after]).allSatisfy { $0.status == .done })
    #expect(try fixture.values("SELECT a FROM t ORDER BY a") == [.integer(1), .integer(2)])
    #expect(try fixture.integer("SELECT count(*) FROM big") == 0)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
  }

  @Test("a running read, and one that waits for a reader, are ended")
  func reads() throws {
    let fixture = try EngineFixture { $0.poolSize = 1 }
    let long = fixture.submit("SELECT count(*) FROM (\(Self.endless))")
    let queued = fixture.submit("SELECT 1")
    #expect(try end(queued, as: .cancelled, fixture).status == .cancelled)
    #expect(try end(long, as: .expired, fixture).status == .expired)
    #expect(try fixture.run("SELECT 2").rows == "[[2]]")
  }

  @Test("jobs that wait are taken back without an outcome")
  func withdraw() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let (kept, taken) = try fixture.inOneGroup {
      // The first is in the writer's hands already.
      let first = fixture.submit("INSERT INTO t VALUES(1)")
      let low = fixture.submit(Job("INSERT INTO t VALUES(2)"), priority: .low)
      return (first, (low, fixture.engine.withdraw { $0.priority == .low }.map(\.sequence)))
    }
    #expect(try fixture.result(kept).status == .done)
    #expect(taken.1 == [taken.0])
    #expect(!fixture.hasOutcome(taken.0))
    #expect(eventually { fixture.engine.load == (0, 0) })
  }

  @Test("the ledger tells what became of jobs by name and id, within the time asked for")
  func endedJobs() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let begin = Timestamp.now()
    let done = try fixture.run(Job("INSERT INTO t VALUES(1)").with { $0.id = "good" })
    let failed = try fixture.run(Job("INSERT INTO nowhere VALUES(1)").with { $0.id = "bad" })
    let names = [done, failed].map(\.outcome.ticket.name)
    let wanted = Set(names + ["good", "bad", "other"])
    let found = try fixture.engine.endedJobs(wanted, since: begin)
    #expect(
      found.mapValues(\.status) == [
        names[0]: .done, names[1]: .failed, "good": .done, "bad": .failed,
      ])
    #expect(try fixture.engine.endedJobs(wanted, since: .now()).isEmpty)
  }
}
