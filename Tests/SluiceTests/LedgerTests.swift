import SQLite
import Testing

@testable import Sluice

@Suite("Ledger")
struct LedgerTests {
  @Test("every write that ended has one row, with the bytes of its result")
  func rows() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a UNIQUE)")
    let jobs = try fixture.inOneGroup {
      [1, 1, 2].map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    }
    let results = try fixture.results(jobs)
    try fixture.run("SELECT 1")
    try fixture.run("VACUUM")
    let rows = try fixture.engine.unsettledRows()
    #expect(rows.map(\.sequence) == jobs)
    #expect(rows.map(\.status) == [.done, .failed, .done])
    #expect(rows.map(\.key) == rows.map(\.key).sorted())
    let recorded = try fixture.engine.recordedResults()
    for (row, result) in zip(rows, results) {
      #expect(result.outcome.durability == .ledger(key: row.key))
      #expect(row.name == result.outcome.ticket.name)
      #expect(row.identity == result.outcome.ticket.identity)
      #expect(try recorded.result(ofKey: row.key) == result.outcome.result)
    }
    #expect(try recorded.result(ofKey: 4711) == nil)
  }

  @Test("settled rows are not told again, also after a restart")
  func settle() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    for _ in 0..<4 { try fixture.run("INSERT INTO t VALUES(1)") }
    let rows = try fixture.engine.unsettledRows()
    fixture.engine.settle(through: rows[1].key)
    #expect(try eventually { try fixture.engine.unsettledRows().count == 2 })
    // An older word changes nothing.
    fixture.engine.settle(through: rows[0].key)
    try fixture.run("INSERT INTO t VALUES(1)")
    #expect(try fixture.engine.unsettledRows().count == 3)
    fixture.engine.stop()
    let again = try EngineFixture(in: fixture)
    #expect(try again.engine.unsettledRows().map(\.key).prefix(2) == [rows[2].key, rows[3].key])
  }

  @Test("a settling that shares its group with a job that is lost is not forgotten")
  func settleInLostGroup() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a UNIQUE ON CONFLICT ROLLBACK)")
    try fixture.run("INSERT INTO t VALUES(1)")
    let rows = try fixture.engine.unsettledRows()
    let job = try fixture.inOneGroup {
      fixture.engine.settle(through: rows[0].key)
      return fixture.submit("INSERT INTO t VALUES(1)")
    }
    #expect(try fixture.result(job).status == .failed)
    #expect(try fixture.engine.unsettledRows().map(\.sequence) == [job])
  }

  @Test("two spools share a database: each knows its own rows only")
  func twoSpools() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let other = try EngineFixture(in: fixture) { $0.spool = -5 }
    var commits: [Int64] = []
    for _ in 0..<20 {
      let jobs = [
        fixture.submit("INSERT INTO t VALUES(1)"), other.submit("INSERT INTO t VALUES(2)"),
      ]
      let results = [try fixture.result(jobs[0]), try other.result(jobs[1])]
      #expect(results.allSatisfy { $0.status == .done })
      commits += results.compactMap(\.commit)
    }
    #expect(Set(commits).count == 40)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 40)
    #expect(try fixture.engine.unsettledRows().count == 20)
    fixture.engine.settle(through: .max)
    #expect(try eventually { try fixture.engine.unsettledRows().isEmpty })
    #expect(try other.engine.unsettledRows().count == 20)
    let rows = try other.engine.unsettledRows()
    #expect(rows.map(\.sequence) == Array(1...20))
  }

  @Test("old settled rows are forgotten bit by bit, but for the newest of the spool, and ids too")
  func prune() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let other = try EngineFixture(in: fixture) { $0.spool = 2 }
    for number in 0..<6 {
      try fixture.run(Job("INSERT INTO t VALUES(1)").with { $0.id = "id-\(number)" })
    }
    try other.run("INSERT INTO t VALUES(1)")
    let keys = try fixture.engine.unsettledRows().map(\.key)
    #expect(try fixture.engine.prune(before: .now(), most: 2) == true)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 7)
    fixture.engine.settle(through: keys[5])
    #expect(try eventually { try fixture.engine.unsettledRows().isEmpty })
    #expect(try fixture.engine.prune(before: Timestamp(nanoseconds: 0)) == false)
    while try fixture.engine.prune(before: .now(), most: 2) {}
    #expect(
      try fixture.values("SELECT key FROM _sluice_ledger WHERE spool=1") == [.integer(keys[5])])
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger WHERE spool=2") == 1)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ids") == 0)
  }

  @Test("a job that is given up is recorded like one that ran")
  func givenUp() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let write = fixture.ticket(Job("INSERT INTO t VALUES(1)"))
    let read = fixture.ticket(Job("SELECT 1"))
    let error = JobError(.request, SluiceCode.expired, "too late")
    for ticket in [write, read] { fixture.engine.giveUp(ticket, .expired, error) }
    for ticket in [write, read] {
      let result = try fixture.result(ticket.sequence)
      #expect(result.status == .expired && result.code == SluiceCode.expired)
      #expect(result.keys("times") == ["arrived", "finished", "waited", "ran"])
    }
    #expect(try fixture.engine.unsettledRows().map(\.status) == [.expired])
    #expect(eventually { fixture.engine.load == (0, 0) })
  }
}
