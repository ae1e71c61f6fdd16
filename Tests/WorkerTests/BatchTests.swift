import JSON
import SQLite
import Spool
import TestSupport
import Testing

@Suite("A .jsonl") struct BatchTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  /// Drops a batch and runs a worker until it is finished.
  @discardableResult
  private func run(_ text: String, name: String = "b.jsonl") throws -> JSONNode {
    try spool.drop(name, text)
    try WorkerProcess.once(on: spool)
    return try JSONReader.parse(try spool.layout.results.contents(name + ".json") ?? [])
  }

  private func lines(_ name: String = "b.jsonl") throws -> [JSONNode] {
    try (spool.result(name) ?? "").split(separator: "\n").map {
      try JSONReader.parse(Array($0.utf8))
    }
  }

  private func rows(_ sql: String) throws -> [Value] {
    let connection = try Connection(path: spool.path + "/main.db", role: .reader)
    let statement = try connection.prepareOwn(sql)
    var rows: [Value] = []
    while try statement.step() { rows.append(statement.value(0)) }
    return rows
  }

  private func counts(_ totals: JSONNode) -> [Int64?] {
    ["total", "done", "failed", "rejected"].map { totals["lines"]?[$0]?.integer }
  }

  private static let table = #"{"sql":"CREATE TABLE t(a INTEGER PRIMARY KEY, b)"}"# + "\n"

  @Test("runs its lines in order, whatever ends them, and counts physical ones")
  func order() throws {
    let header = #"{"sluice":{"sql":"INSERT INTO t VALUES(?,?)","meta":{"m":1}}}"#
    let totals = try run(
      "\(header)\r\n\(Self.table)\r\n"
        + #"{"sql":"INSERT INTO t VALUES(?,?)","params":[1,"x"]}"# + "\r\n   \n[2,\"y\"]\n"
        + #"{"sql":"SELECT b FROM t ORDER BY a"}"#)
    #expect(totals["status"]?.string == "done")
    #expect(totals["meta"]?["m"]?.integer == 1)
    #expect(totals["commit"]?.integer != nil)
    #expect(counts(totals) == [4, 4, 0, 0])
    let lines = try lines()
    #expect(lines.map { $0["line"]?.integer } == [2, 4, 6, 7])
    #expect(lines.map { $0["changes"]?.integer } == [nil, 1, 1, nil])
    #expect(lines[3]["statements"]?[0]?["rows"]?[1]?[0]?.string == "y")
    #expect(spool.names(spool.layout.active) == [])
    #expect(spool.names(spool.layout.failed) == [])
  }

  @Test("keeps each line apart: what fails harms no other, and is left over ready to be mended")
  func failures() throws {
    let totals = try run(
      Self.table
        + #"""
        {"sql":"CREATE TRIGGER no BEFORE INSERT ON t WHEN new.b='no' BEGIN SELECT RAISE(ROLLBACK,'no'); END"}
        {"sql":"INSERT INTO t(b) VALUES(?)","params":["one"]}
        ["no"]
        ["two"]
        ["too","many"]
        {"sql":"INSERT OR ROLLBACK INTO t VALUES(1,?)","params":["x"]}
        {"parms":[1]}
        {"sql":"ATTACH 'x' AS y"}
        {"sql":"INSERT INTO t(b) VALUES('three')"}

        """#)
    #expect(totals["status"]?.string == "failed")
    #expect(totals["error"]?["code"]?.string == "SLUICE_LINES")
    #expect(counts(totals) == [10, 5, 2, 3])
    #expect(try rows("SELECT b FROM t ORDER BY a") == [.text("one"), .text("two"), .text("three")])
    #expect(try lines()[3]["error"]?["code"]?.string == "SQLITE_CONSTRAINT_TRIGGER")
    let left = try #require(try spool.text(spool.layout.failed, "b.jsonl"))
    #expect(
      left == #"""
        {"sql":"INSERT INTO t(b) VALUES(?)","params":["no"]}
        ["too","many"]
        {"sql":"INSERT OR ROLLBACK INTO t VALUES(1,?)","params":["x"]}
        {"parms":[1]}
        {"sql":"ATTACH 'x' AS y"}

        """#)
  }

  @Test("an id makes a line idempotent: within the file, and when it is dropped again")
  func ids() throws {
    let batch =
      Self.table
      + #"{"id":"k","sql":"INSERT INTO t(b) VALUES(1)"}"# + "\n"
      + #"{"id":"k","sql":"INSERT INTO t(b) VALUES(1)"}"# + "\n"
    #expect(counts(try run(batch)) == [3, 3, 0, 0])
    #expect(try lines()[2]["duplicate_of"]?.string == "b.jsonl")
    let again = try run(
      #"{"id":"k","sql":"INSERT INTO t(b) VALUES(1)"}"# + "\n"
        + #"{"id":"k","sql":"INSERT INTO t(b) VALUES(2)"}"#, name: "c.jsonl")
    #expect(counts(again) == [2, 1, 0, 1])
    #expect(try lines("c.jsonl")[1]["error"]?["code"]?.string == "SLUICE_DUPLICATE")
    #expect(try rows("SELECT count(*) FROM t") == [.integer(1)])
  }

  @Test("a line's temporary objects, counters and PRAGMAs end with it")
  func traces() throws {
    try run(
      Self.table
        + #"""
        {"sql":"CREATE TEMP TABLE own(a); INSERT INTO own VALUES(1); INSERT INTO t(b) SELECT a FROM own"}
        {"sql":"SELECT count(*) FROM sqlite_temp_schema"}
        {"sql":"SELECT changes(), total_changes(), last_insert_rowid()"}
        {"sql":"PRAGMA foreign_keys=ON; INSERT INTO t(b) VALUES(2)"}
        """#)
    let lines = try lines()
    #expect(lines[1]["status"]?.string == "done")
    #expect(lines[2]["statements"]?[0]?["rows"]?[0]?[0]?.integer == 0)
    let counters = lines[3]["statements"]?[0]?["rows"]?[0]?.array?.map(\.integer)
    #expect(counters == [0, 0, 0])
    #expect(lines[4]["status"]?.string == "rejected")
  }

  @Test("a line that runs too long is undone alone")
  func timeout() throws {
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)"
    let totals = try run(
      #"{"sluice":{"timeout":0.05}}"# + "\n" + Self.table
        + #"""
        {"sql":"INSERT INTO t(b) VALUES(1)"}
        {"sql":"\#(slow) SELECT count(*) FROM n"}
        {"sql":"INSERT INTO t(b) VALUES(2)"}
        {"sql":"\#(slow) INSERT INTO t(b) SELECT i FROM n"}
        {"sql":"INSERT INTO t(b) VALUES(3)"}
        """#)
    #expect(counts(totals) == [6, 4, 2, 0])
    #expect(try rows("SELECT b FROM t") == [.integer(1), .integer(2), .integer(3)])
    #expect(try lines()[4]["error"]?["code"]?.string == "SLUICE_TIMEOUT")
  }

  @Test("a header that is wrong rejects the file, and its lines' older results go")
  func wrongHeader() throws {
    try run(Self.table)
    let totals = try run(#"{"sluice":{"prio":1}}"# + "\n" + Self.table)
    #expect(totals["status"]?.string == "rejected")
    #expect(totals["error"]?["pointer"]?.string == "/sluice/prio")
    #expect(try spool.result("b.jsonl") == nil)
    #expect(spool.names(spool.layout.failed) == ["b.jsonl"])
  }

  @Test("blank lines alone are a batch of no lines")
  func blank() throws {
    #expect(counts(try run("\n\r\n  \n")) == [0, 0, 0, 0])
    #expect(try spool.result("b.jsonl") == "")
  }

  @Test("an urgent job passes between two chunks")
  func urgentPasses() throws {
    var batch = Self.table + #"{"sql":"INSERT INTO t(b) VALUES(?)","params":[0]}"# + "\n"
    for number in 1...20_000 { batch += "[\(number)]\n" }
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("b.jsonl", batch)
    let table = "SELECT count(*) FROM sqlite_schema WHERE name='t'"
    #expect(eventually { (try? rows(table)) == [.integer(1)] })
    try spool.drop(
      "u.json", #"{"sql":"CREATE TABLE seen AS SELECT count(*) AS n FROM t"}"#, lane: .urgent)
    #expect(eventually { (try? spool.result("b.jsonl.json")) ?? nil != nil })
    worker.stop()
    guard case .integer(let seen)? = try rows("SELECT n FROM seen").first else {
      Issue.record("the urgent job has no effect")
      return
    }
    #expect(seen < 20_001)
    #expect(try rows("SELECT count(*) FROM t") == [.integer(20_001)])
  }

  @Test("a file that is changed in active/ ends there, with its results so far and the rest left")
  func changed() throws {
    var batch = Self.table + #"{"sql":"INSERT INTO t(b) VALUES(?)","params":[0]}"# + "\n"
    for number in 1...5_000 { batch += "[\(number)]\n" }
    try spool.drop("b.jsonl", batch)
    try WorkerProcess.once(on: spool, crashAt: "committed:2")
    let name = try #require(spool.names(spool.layout.active).first)
    let file = try spool.layout.active.openForUpdate(name)
    try file.write(Array("[-1]\n".utf8), at: Int64(batch.utf8.count))
    try WorkerProcess.once(on: spool)
    let totals = try JSONReader.parse(try spool.layout.results.contents("b.jsonl.json") ?? [])
    #expect(totals["error"]?["code"]?.string == "SLUICE_BAD_FILE")
    let done = try #require(totals["lines"]?["done"]?.integer)
    #expect(try lines().count == Int(done))
    let left = try #require(try spool.text(spool.layout.failed, "b.jsonl")).split(separator: "\n")
    #expect(left.count == 5_003 - Int(done))
    #expect(left.last == "[-1]")
    // What is left can be dropped as it is.
    try spool.layout.failed.rename("b.jsonl", to: spool.layout.incoming(.root), "b.jsonl")
    try WorkerProcess.once(on: spool)
    #expect(try rows("SELECT count(DISTINCT b) FROM t") == [.integer(5_002)])
    #expect(try rows("SELECT count(*) FROM t") == [.integer(5_002)])
  }
}
