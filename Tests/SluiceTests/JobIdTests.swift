import SQLite
import Testing

@testable import Sluice

@Suite("Jobs with an id")
struct JobIdTests {
  private func job(_ id: String, _ sql: String = "INSERT INTO t VALUES(1) RETURNING a") -> Job {
    Job(sql).with { $0.id = id }
  }

  @Test("the same job again has the first one's outcome and no second effect")
  func duplicate() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let first = try fixture.run(job("x"), content: 1)
    let second = try fixture.run(job("x"), content: 1)
    #expect(second.status == .done && second.commit == first.commit)
    #expect(second["duplicate_of"] == first["job"] && second["job"] != first["job"])
    #expect(second["statements"] == first["statements"])
    #expect(first["duplicate_of"] == nil)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 2)
  }

  @Test("the same id with other content is rejected")
  func otherContent() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    try fixture.run(job("x"), content: 1)
    let second = try fixture.run(job("x"), content: 2)
    #expect(second.status == .rejected && second.code == SluiceCode.duplicate)
    #expect(second.message.contains("job-1.json"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
  }

  @Test("within one group the first to run is the first")
  func oneGroup() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let jobs = try fixture.inOneGroup {
      [1, 1, 2].map { fixture.submit(job("x"), content: $0) }
    }
    let results = try fixture.results(jobs)
    #expect(results.map(\.status) == [.done, .done, .rejected])
    #expect(results[1].commit == results[0].commit)
    #expect(results[1]["duplicate_of"] == results[0]["job"])
    #expect(results[1]["statements"] == results[0]["statements"])
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
  }

  @Test("a job that failed leaves its id free, also for other content")
  func failed() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let failing = job("x", "INSERT INTO t VALUES(1); INSERT INTO nosuch VALUES(1)")
    #expect(try fixture.run(failing, content: 1).status == .failed)
    #expect(try fixture.run(job("x"), content: 2).status == .done)
    #expect(try fixture.run(failing, content: 1).code == SluiceCode.duplicate)
  }

  @Test("an id holds over a restart, and in every spool of the database")
  func restart() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    try fixture.run(job("x"), content: 1)
    fixture.engine.stop()
    let again = try EngineFixture(in: fixture) { $0.spool = 2 }
    #expect(try again.run(job("x"), content: 1)["duplicate_of"] == "\"job-1.json\"")
  }

  @Test("on a read an id is a label only")
  func read() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let read = job("x", "SELECT count(*) FROM t")
    #expect(try fixture.run(read, content: 1).rows == "[[0]]")
    try fixture.run("INSERT INTO t VALUES(1)")
    let again = try fixture.run(read, content: 2)
    #expect(again.rows == "[[1]]" && again["id"] == "\"x\"")
  }

  @Test("a job on a connection of its own remembers its id as well")
  func solo() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let alone = job("x").with { $0.transaction = .exclusive }
    #expect(try fixture.run(alone, content: 1).status == .done)
    #expect(try fixture.run(alone, content: 1)["duplicate_of"] != nil)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
  }
}
