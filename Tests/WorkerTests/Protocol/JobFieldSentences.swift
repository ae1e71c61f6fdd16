import JSON
import Spool
import TestSupport
import Testing

/// The protocol's section "A job: NAME.json": its table of fields, row by row. Times and
/// dependencies are in `WaitingSentences`, values in `ValueSentences`.
@Suite("A job: its fields", .worker()) struct JobFieldSentences {
  private static let select = #""sql":"SELECT 1""#

  @Test(
    "exactly one of sql, statements, import, control; unknown or repeated fields are named",
    arguments: [
      ("{}", "", "sql"), ("[]", "", "object"), ("7", "", "object"), ("null", "", "object"),
      ("{\(select),\"statements\":[{\(select)}]}", "/statements", "sql"),
      ("{\(select),\"import\":{\"file\":\"a.csv\",\"table\":\"t\"}}", "/import", "sql"),
      ("{\(select),\"control\":\"pause\"}", "/control", "sql"),
      ("{\(select),\"sqll\":1}", "/sqll", "sqll"), ("{\(select),\"\":1}", "/", "unknown"),
      ("{\(select),\"a/b~c\":1}", "/a~1b~0c", "a/b~c"),
      ("{\(select),\(select)}", "/sql", "repeated"),
      ("{\(select),\"id\":\"a\",\"id\":\"b\"}", "/id", "repeated"),
      ("{\"statements\":[{\(select),\"id\":\"x\"}]}", "/statements/0/id", "id"),
      ("{\(select),\"expect\":{\"row\":1}}", "/expect/row", "row"),
      ("{\(select),\"result\":{\"max\":1}}", "/result/max", "max"),
      ("{\(select),\"job\":\"x\"}", "/job", "control"),
      ("{\(select),\"to\":\"x\"}", "/to", "control"),
    ])
  func shape(content: String, pointer: String, named: String) throws {
    let result = try ServedSpool.get().run(content)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer == pointer && result.message.hasPrefix(pointer))
    #expect(result.message.contains(named), "\(result.message)")
    #expect(result.errorFault() == nil)
  }

  @Test(
    "a value of the wrong type is rejected, with its place as a JSON Pointer",
    arguments: [
      (#""sql":5"#, "/sql"), (#""sql":null"#, "/sql"), (#""sql":"""#, "/sql"),
      (#""sql":"-- nothing""#, "/sql"), (#""statements":{}"#, "/statements"),
      (#""statements":[]"#, "/statements"), (#""statements":[1]"#, "/statements/0"),
      (#""statements":[{"sql":"SELECT 1"},{"sql":2}]"#, "/statements/1/sql"),
      (#""id":5,\#(select)"#, "/id"), (#""id":"",\#(select)"#, "/id"),
      (#""database":5,\#(select)"#, "/database"), (#""priority":"hi",\#(select)"#, "/priority"),
      (#""priority":1,\#(select)"#, "/priority"), (#""params":5,\#(select)"#, "/params"),
      (#""params":[[1]],\#(select)"#, "/params/0"), (#""params":{"a":{}},\#(select)"#, "/params/a"),
      (#""rows":5,\#(select)"#, "/rows"), (#""rows":[1],\#(select)"#, "/rows/0"),
      (#""rows":[[1],[{"$x":1}]],\#(select)"#, "/rows/1/0"),
      (#""params":[],"rows":[],\#(select)"#, "/rows"), (#""expect":5,\#(select)"#, "/expect"),
      (#""expect":{},\#(select)"#, "/expect"),
      (#""expect":{"changes":-1},\#(select)"#, "/expect/changes"),
      (#""expect":{"rows":1.5},\#(select)"#, "/expect/rows"),
      (#""expect":{"value":[]},\#(select)"#, "/expect/value"),
      (#""transaction":"none",\#(select)"#, "/transaction"),
      (#""timeout":0,\#(select)"#, "/timeout"),
      (#""timeout":"1",\#(select)"#, "/timeout"), (#""expires":"soon",\#(select)"#, "/expires"),
      (#""expires":-1,\#(select)"#, "/expires"), (#""not_before":true,\#(select)"#, "/not_before"),
      (#""not_before":"2026-13-01T00:00:00Z",\#(select)"#, "/not_before"),
      (#""retries":-1,\#(select)"#, "/retries"), (#""retries":0.5,\#(select)"#, "/retries"),
      (#""after":"a.json",\#(select)"#, "/after"), (#""after":[5],\#(select)"#, "/after/0"),
      (#""cache":true,\#(select)"#, "/cache"), (#""cache":-1,\#(select)"#, "/cache"),
      (#""result":"csv",\#(select)"#, "/result"),
      (#""result":{"format":"xml"},\#(select)"#, "/result/format"),
      (#""result":{"max_rows":-1},\#(select)"#, "/result/max_rows"),
      (#""result":{"objects":1},\#(select)"#, "/result/objects"),
    ])
  func wrongType(fields: String, pointer: String) throws {
    let result = try ServedSpool.get().run("{\(fields)}")
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer == pointer && result.message.hasPrefix(pointer + ": "))
    #expect(result.errorFault() == nil)
  }

  @Test(
    "what is no JSON has its line and column",
    arguments: [
      ("{\"sql\":\"SELECT 1\"", 1, 18), ("{\n \"sql\": \"SELECT 1\",\n}", 3, 1), ("sql", 1, 1),
      ("{\"sql\":\"SELECT 1\"} x", 1, 20), ("{'sql':1}", 1, 2), (" ", 1, 2),
      ("{\"sql\":\"\u{1}\"}", 1, 9), ("{\"sql\":01}", 1, 8),
    ])
  func syntax(content: String, line: Int64, column: Int64) throws {
    let result = try ServedSpool.get().run(content)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JSON")
    #expect(result.error?["line"]?.integer == line && result.error?["column"]?.integer == column)
    #expect(result.message.contains("line \(line), column \(column)"), "\(result.message)")
    #expect(result.errorFault() == nil)
  }

  @Test("id: a second job with the same content gets the first one's outcome, and no second effect")
  func duplicate() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE once(x INTEGER PRIMARY KEY, y)"}"#)
    let job = #"{"id":"order-1","meta":{"b": 1},"sql":"INSERT INTO once(y) VALUES(1) RETURNING x"}"#
    let name = served.freshName()
    let first = try served.run(job, as: name)
    let second = try served.run(job)
    #expect(first.status == "done" && first["duplicate_of"] == nil)
    #expect(second.status == "done" && second["duplicate_of"]?.string == name)
    #expect(second["job"]?.string != name && second.commit == first.commit)
    let names = [name, try #require(second["job"]?.string)]
    let statements = try names.map { name in
      try #require(served.spool.text("results/" + name)?.firstMatch(of: /"statements":.*"times"/)).0
    }
    #expect(statements[0] == statements[1])
    #expect(try served.value("SELECT count(*) FROM once")?.integer == 1)
    // A blank is another content.
    let other = try served.run(job + " ")
    #expect(other.status == "rejected" && other.errorCode == "SLUICE_DUPLICATE")
    #expect(other["id"]?.string == "order-1" && other.errorFault() == nil)
  }

  @Test("id: a job that committed nothing leaves it free; on a read it is a label")
  func freeId() throws {
    let served = try ServedSpool.get()
    #expect(try served.run(#"{"id":"f","sql":"INSERT INTO free VALUES(1)"}"#).status == "failed")
    #expect(try served.run(#"{"id":"f","sql":"CREATE TABLE free(x)"}"#).status == "done")
    for value in 1...2 {
      let read = try served.run(#"{"id":"f","sql":"SELECT \#(value)"}"#)
      #expect(read.firstValue?.integer == Int64(value) && read["id"]?.string == "f")
    }
  }

  @Test("id: an equal one in flight is waited for, and the first to commit is the first")
  func inFlightId() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE flight(x)"}"#)
    let job = #"{"id":"flight","not_before":0.2,"sql":"INSERT INTO flight VALUES(1)"}"#
    let names = (1...5).map { _ in served.freshName() }
    for name in names { try served.spool.drop(name, job) }
    let results = try names.map { try served.result(of: $0) }
    #expect(results.allSatisfy { $0.status == "done" })
    #expect(results.filter { $0["duplicate_of"] == nil }.count == 1)
    #expect(try served.value("SELECT count(*) FROM flight")?.integer == 1)
  }

  @Test("id: 1 to 200 bytes", arguments: [1, 200, 201])
  func idLength(bytes: Int) throws {
    let id = String(repeating: "i", count: bytes)
    let result = try ServedSpool.get().run(#"{"id":"\#(id)","sql":"SELECT 1"}"#)
    #expect(result.status == (bytes > 200 ? "rejected" : "done"))
    #expect(result.pointer == (bytes > 200 ? "/id" : nil))
  }

  @Test("meta: given back as written, whatever becomes of the job; at most 4096 bytes")
  func meta() throws {
    let served = try ServedSpool.get()
    let meta = #"{ "a":1.0e0,"c":[ "\u0041" ,null],"b":1E2}"#
    for sql in ["\"SELECT 1\"", "\"SELECT * FROM nowhere\"", "5"] {
      let name = served.freshName()
      try served.run("{\"meta\":\(meta),\"sql\":\(sql)}", as: name)
      #expect(served.spool.text("results/" + name)?.contains("\"meta\":\(meta),") == true)
      #expect(try served.spool.sluice("show", "--json", name).output.contains(meta), "\(sql)")
    }
    let long = "\"" + String(repeating: "m", count: 4094) + "\""
    #expect(try served.run("{\"meta\":\(long),\"sql\":\"SELECT 1\"}").status == "done")
    let tooLong = try served.run("{\"meta\": \(long.dropLast())m\",\"sql\":\"SELECT 1\"}")
    #expect(tooLong.errorCode == "SLUICE_TOO_LARGE" && tooLong.pointer == "/meta")
  }

  @Test("database: a name from the configuration, main without it")
  func database() throws {
    let served = try ServedSpool.get()
    #expect(try served.run("{\(Self.select)}")["database"]?.string == "main")
    #expect(try served.run("{\"database\":\"main\",\(Self.select)}").status == "done")
    let unknown = try served.run("{\"database\":\"other\",\(Self.select)}")
    #expect(unknown.status == "rejected" && unknown.errorCode == "SLUICE_NO_DATABASE")
    #expect(unknown.pointer == "/database" && unknown.errorFault() == nil)
  }

  @Test("sql: several, separated by ;, if there are no params or rows")
  func severalStatements() throws {
    let served = try ServedSpool.get()
    let two = try served.run(#"{"sql":"SELECT 1; SELECT 2;"}"#)
    #expect(two["statements"]?.array?.count == 2)
    for field in [#""params":[]"#, #""rows":[[]]"#, #""expect":{"rows":1}"#] {
      let result = try served.run("{\"sql\":\"SELECT 1; SELECT 2\",\(field)}")
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB", "\(field)")
    }
  }

  @Test("rows: runs sql once for each, and one that fails undoes them all")
  func rows() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE rowwise(x UNIQUE)"}"#)
    let insert = #""sql":"INSERT INTO rowwise VALUES(?)""#
    let named = #"{"sql":"INSERT INTO rowwise VALUES(:x)","rows":[{"x":3},{"x":4}]}"#
    let done = try served.run("{\(insert),\"rows\":[[1],[2]]}")
    #expect(done["statements"]?[0]?["changes"]?.integer == 2)
    #expect(try served.run(named).status == "done")
    let failed = try served.run("{\(insert),\"rows\":[[5],[1]]}")
    #expect(failed.errorCode == "SQLITE_CONSTRAINT_UNIQUE")
    #expect(try served.value("SELECT group_concat(x) FROM rowwise")?.string == "1,2,3,4")
  }

  @Test(
    "expect: a mismatch rolls the job back with SLUICE_EXPECT",
    arguments: [
      (#""expect":{"changes":1}"#, false), (#""expect":{"changes":2}"#, true),
      (#""expect":{"rows":1}"#, false), (#""expect":{"rows":0}"#, true),
      (#""expect":{"value":7}"#, false), (#""expect":{"value":7.0}"#, false),
      (#""expect":{"value":"7"}"#, true), (#""expect":{"value":null}"#, true),
      (#""expect":{"changes":1,"rows":1,"value":8}"#, true),
    ])
  func expectation(expect: String, isMismatch: Bool) throws {
    let served = try ServedSpool.get()
    let table = "expect" + served.freshName("")
    try served.run(#"{"sql":"CREATE TABLE \#(table)(x)"}"#)
    let inner = #"{"sql":"INSERT INTO \#(table) VALUES(7) RETURNING x",\#(expect)}"#
    for job in [inner, #"{"statements":[{"sql":"SELECT 1"},\#(inner)]}"#] {
      let result = try served.run(job)
      #expect(result.status == (isMismatch ? "failed" : "done"))
      if isMismatch {
        #expect(result.errorCode == "SLUICE_EXPECT" && result.errorKind == "constraint")
        #expect(result.errorFault() == nil && result.commit == nil)
      }
    }
    #expect(try served.value("SELECT count(*) FROM \(table)")?.integer == (isMismatch ? 0 : 2))
  }

  @Test("expect: with statements it stands inside each")
  func expectBeside() throws {
    let result = try ServedSpool.get().run(
      #"{"statements":[{"sql":"SELECT 1"}],"expect":{"rows":1}}"#)
    #expect(result.status == "rejected" && result.pointer == "/expect")
  }

  @Test(
    "transaction: a write that asks for another than immediate runs alone",
    arguments: ["deferred", "immediate", "exclusive"])
  func transaction(level: String) throws {
    let served = try ServedSpool.get()
    let table = "level_" + level
    try served.run(#"{"sql":"CREATE TABLE \#(table)(x)"}"#)
    let names = (1...6).map { _ in served.freshName() }
    let job =
      #"{"not_before":0.2,"transaction":"\#(level)","sql":"INSERT INTO \#(table) VALUES(1)"}"#
    for name in names { try served.spool.drop(name, job) }
    let commits = try names.map { try #require(try served.result(of: $0).commit) }
    if level != "immediate" { #expect(Set(commits).count == 6) }
    #expect(try served.value("SELECT count(*) FROM \(table)")?.integer == 6)
  }

  @Test("transaction: a job that only reads has none that writes, and so no commit")
  func readTransaction() throws {
    let served = try ServedSpool.get()
    for job in [#"{"sql":"SELECT 1"}"#, #"{"transaction":"deferred","sql":"SELECT 1"}"#] {
      let result = try served.run(job)
      #expect(result.status == "done" && result.commit == nil)
    }
  }

  @Test("timeout: of one statement, its rows together; it is not retried")
  func timeout() throws {
    let served = try ServedSpool.get()
    let slow =
      "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i+1 FROM n WHERE i<40000) "
      + "SELECT count(*) FROM n"
    let rows = String(repeating: "[1],", count: 2000) + "[1]"
    for job in [
      #""sql":"\#(WaitingJobTests.endless)""#,
      #""sql":"CREATE TABLE late AS \#(WaitingJobTests.endless)""#,
      #""sql":"\#(slow)","rows":[\#(rows)]"#,
    ] {
      let result = try served.run("{\"timeout\":0.2,\"retries\":3,\(job)}")
      #expect(result.status == "failed" && result.errorCode == "SLUICE_TIMEOUT")
      #expect(result.errorKind == "timeout" && result.error?["retryable"]?.bool == false)
      #expect(result["attempts"]?.integer == 1 && result.errorFault() == nil)
    }
  }

  @Test("a job is one transaction: all or nothing")
  func allOrNothing() throws {
    let served = try ServedSpool.get()
    let failed = try served.run(
      #"{"sql":"CREATE TABLE halfway(x); INSERT INTO halfway VALUES(1); SELECT * FROM nowhere"}"#)
    #expect(failed.status == "failed" && failed.error?["statement"]?.integer == 2)
    #expect(try served.run(#"{"sql":"SELECT * FROM halfway"}"#).status == "failed")
  }
}
