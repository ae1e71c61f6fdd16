import SQLite
import Testing

@testable import Sluice

@Suite("Parameters and what comes back")
struct ParameterTests {
  private func named(_ sql: String, _ values: [(String, Value)]) -> Job {
    Job(statements: [
      JobStatement(
        sql: sql,
        parameters: .once(.named(values.map { NamedParameter(name: $0.0, value: .value($0.1)) })))
    ])
  }

  @Test("positional, numbered and named parameters are bound")
  func bound() throws {
    let fixture = try EngineFixture()
    #expect(try fixture.run("SELECT ?,?", .integer(1), .text("b")).rows == "[[1,\"b\"]]")
    #expect(try fixture.run("SELECT ?2,?1,?2", .integer(1), .integer(2)).rows == "[[2,1,2]]")
    let job = named("SELECT :a,@b,$c,:a", [("c", .integer(3)), ("a", .integer(1)), ("b", .null)])
    #expect(try fixture.run(job).rows == "[[1,null,3,1]]")
  }

  @Test("missing, left-over and unknown parameters are rejected, on the reader and the writer")
  func misfits() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let misfits = [
      Job("SELECT ?"), Job("SELECT ?", [.null, .null]), Job("SELECT ?,?", [.null]),
      Job("SELECT 1", [.null]), Job("SELECT ?3", [.null]),
      named("SELECT :a", [("b", .null)]), named("SELECT :a", [("a", .null), ("b", .null)]),
      named("SELECT ?", [("a", .null)]), named("SELECT ?1", [("1", .null)]),
      named("SELECT :a", []),
      Job("INSERT INTO t VALUES(?)"), Job("INSERT INTO t VALUES(?)", [.null, .null]),
      named("INSERT INTO t VALUES(:a)", [("A", .null)]),
      Job("INSERT INTO t VALUES(?); INSERT INTO t VALUES(?)", [.null, .null]),
      Job("  -- nothing"), Job(";;"),
    ]
    for job in misfits {
      let result = try fixture.run(job)
      #expect(result.status == .rejected && result.kind == "request", "\(job.statements[0].sql)")
      #expect(result.code == SluiceCode.badJob && result["error/statement"] != nil)
    }
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("a $ref is the value that an earlier statement returned")
  func references() throws {
    let fixture = try EngineFixture(
      schema: "CREATE TABLE t(id INTEGER PRIMARY KEY, b); CREATE TABLE u(t, b)")
    func refers(to row: Int, _ column: Int) -> Parameter {
      .result(ResultPlace(statement: 0, row: row, column: column))
    }
    let insert = JobStatement(
      "INSERT INTO t(b) VALUES(?),(?) RETURNING id,b", [.text("x"), .blob([1, 2])])
    let use = JobStatement(
      sql: "INSERT INTO u VALUES(?,?)",
      parameters: .rows([
        .positional([refers(to: 0, 0), refers(to: 0, 1)]),
        .positional([refers(to: 1, 0), refers(to: 1, 1)]),
      ]))
    #expect(try fixture.run(Job(statements: [insert, use])).status == .done)
    #expect(
      try fixture.run("SELECT * FROM u").rows == #"[[1,"x"],[2,{"$blob":"AQI="}]]"#)
    let wrong = JobStatement(
      sql: "INSERT INTO u VALUES(?,1)", parameters: .once(.positional([refers(to: 2, 0)])))
    let result = try fixture.run(Job(statements: [insert, wrong]))
    #expect(result.status == .failed && result.message.contains("0/2/0"))
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
  }

  @Test("rows run a statement once for each, and its counts are together")
  func rows() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let job = Job(statements: [
      JobStatement(
        sql: "INSERT INTO t VALUES(?) RETURNING a*10",
        parameters: .rows((1...3).map { .positional([.value(.integer($0))]) }))
    ])
    let result = try fixture.run(job)
    #expect(result["statements/0/changes"] == "3" && result.rows == "[[10],[20],[30]]")
    #expect(result["statements/1"] == nil)
    let none = Job(statements: [JobStatement(sql: "INSERT INTO t VALUES(?)", parameters: .rows([]))]
    )
    #expect(try fixture.run(none)["statements/0/changes"] == "0")
  }

  @Test("what is expected and not met rolls the job back")
  func expectations() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a, v); INSERT INTO t VALUES(1,1),(2,1)")
    func job(_ sql: String, _ expect: Sluice.Expectation) -> Job {
      Job(statements: [JobStatement("DELETE FROM t WHERE a=2"), JobStatement(sql, expect: expect)])
    }
    let update = "UPDATE t SET v=2 WHERE v=1"
    for (sql, expect) in [
      (update, Sluice.Expectation(changes: 2)), ("SELECT * FROM t", .init(rows: 2)),
      ("SELECT v FROM t", .init(value: .integer(7))),
      ("SELECT v FROM t WHERE a=9", .init(value: .null)),
      ("SELECT v FROM t", .init(value: .text("1"))),
    ] {
      let result = try fixture.run(job(sql, expect))
      #expect(result.status == .failed && result.code == SluiceCode.expect, "\(sql)")
      #expect(result.kind == "constraint" && result["error/statement"] == "1")
      #expect(result.message.hasPrefix("expected "))
    }
    #expect(try fixture.integer("SELECT count(*) FROM t") == 2)
    #expect(try fixture.run(job(update, .init(changes: 1))).status == .done)
    let read = Job(statements: [
      JobStatement("SELECT v FROM t", expect: .init(rows: 1, value: .real(2)))
    ])
    #expect(try fixture.run(read).status == .done)
    let unmet = Job(statements: [JobStatement("SELECT v FROM t", expect: .init(rows: 5))])
    #expect(try fixture.run(unmet).code == SluiceCode.expect)
  }

  @Test("max_rows cuts each statement's rows and says so; a write is carried out in full")
  func maxRows() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let write = Job("INSERT INTO t VALUES(1),(2),(3) RETURNING a").with { $0.result.maxRows = 2 }
    let written = try fixture.run(write)
    #expect(written.rows == "[[1],[2]]" && written["statements/0/truncated"] == "true")
    #expect(try fixture.integer("SELECT count(*) FROM t") == 3)
    let read = Job("SELECT a FROM t; SELECT 1").with { $0.result.maxRows = 1 }
    let result = try fixture.run(read)
    #expect(result.rows == "[[1]]" && result["statements/0/truncated"] == "true")
    #expect(result["statements/1/truncated"] == nil)
    let exact = Job("SELECT a FROM t").with { $0.result.maxRows = 3 }
    #expect(try fixture.run(exact)["statements/0/truncated"] == nil)
    let none = Job("SELECT a FROM t").with { $0.result.maxRows = 0 }
    #expect(try fixture.run(none).rows == "[]")
  }

  @Test("rows come as objects where asked for, unless two columns have one name")
  func objects() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let job = Job("SELECT 1 AS a, 'x' AS b").with { $0.result.objects = true }
    #expect(try fixture.run(job).rows == #"[{"a":1,"b":"x"}]"#)
    for sql in [
      "SELECT 1 AS a, 2 AS a", "SELECT 1 AS a, 2 AS a WHERE 0",
      "INSERT INTO t VALUES(1) RETURNING a, a",
    ] {
      let twice = Job(sql).with { $0.result.objects = true }
      let result = try fixture.run(twice)
      #expect(result.status == .rejected && result.code == SluiceCode.badJob, "\(sql)")
      #expect(result.hint.contains("AS"))
    }
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
  }

  @Test("values come back exactly: 64-bit integers, reals, infinities, blobs, odd text")
  func values() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    let values: [(Value, String)] = [
      (.integer(.max), "9223372036854775807"), (.integer(.min), "-9223372036854775808"),
      (.real(0.1), "0.1"), (.real(1), "1.0"), (.real(.infinity), "9e999"),
      (.real(-.infinity), "-9e999"), (.real(.nan), "null"), (.null, "null"), (.text(""), "\"\""),
      (.text("a\"\n\u{1}é\u{0}z"), #""a\"\n\u0001é\u0000z""#), (.blob([]), #"{"$blob":""}"#),
      (.blob([0, 255]), #"{"$blob":"AP8="}"#),
    ]
    for (value, json) in values {
      #expect(try fixture.run("INSERT INTO t VALUES(?) RETURNING a", value).rows == "[[\(json)]]")
      #expect(try fixture.run("SELECT ?", value).rows == "[[\(json)]]")
    }
    #expect(try fixture.run("SELECT CAST(x'ff61' AS TEXT)").rows == #"[[{"$blob":"/2E="}]]"#)
  }

  @Test("a write that returns more than the limit is rolled back")
  func returningLimit() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") { $0.returningLimit = 1000 }
    let result = try fixture.run("INSERT INTO t VALUES(zeroblob(2000)) RETURNING a")
    #expect(result.status == .failed && result.code == SluiceCode.tooLarge)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
    #expect(try fixture.run("SELECT zeroblob(2000)").status == .done)
  }
}
