import JSON
import Spool
import TestSupport
import Testing

@Suite("Exports") struct ExportTests {
  private static let table = """
    {"sql":"CREATE TABLE t(a,b); INSERT INTO t VALUES(1,'x,\\"y\\"\\nz'),(2,NULL),(-1.5,''),\
    (9e999,x'00ff')"}
    """
  private static let many = """
    WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<50000) \
    SELECT x, 'row '||x AS name FROM c
    """

  @Test("csv puts the rows into a file of their own, with a header, NULL empty and blobs in base64")
  func csv() throws {
    let spool = try TemporarySpool()
    try spool.work("t.json", Self.table)
    let result = try spool.work(
      "x.json", #"{"sql":"SELECT a, b AS \"the b\" FROM t","result":{"format":"csv"}}"#)
    #expect(result.status == "done")
    #expect(result.at("statements/0/rows/file")?.string == "x.rows.csv")
    #expect(result.at("statements/0/rows/count")?.integer == 4)
    let text = try spool.result("x.rows.csv")
    #expect(text == "a,the b\n1,\"x,\"\"y\"\"\nz\"\n2,\n-1.5,\"\"\n9e999,AP8=\n")
    #expect(result.at("statements/0/rows/bytes")?.integer == text.map { Int64($0.utf8.count) })
  }

  @Test("jsonl puts a row into each line, as an array or as an object, up to max_rows")
  func jsonl() throws {
    let spool = try TemporarySpool()
    try spool.work("t.json", Self.table)
    try spool.drop("a.json", #"{"sql":"SELECT * FROM t","result":{"format":"jsonl"}}"#)
    let result = try spool.work(
      "o.json",
      #"{"sql":"SELECT * FROM t","result":{"format":"jsonl","objects":true,"max_rows":2}}"#)
    #expect(
      try spool.result("a.rows.jsonl")
        == #"[1,"x,\"y\"\nz"]"# + "\n[2,null]\n[-1.5,\"\"]\n[9e999,{\"$blob\":\"AP8=\"}]\n")
    #expect(
      try spool.result("o.rows.jsonl") == #"{"a":1,"b":"x,\"y\"\nz"}"# + "\n{\"a\":2,\"b\":null}\n")
    #expect(result.at("statements/0/truncated")?.bool == true)
    #expect(result.at("statements/0/rows/count")?.integer == 2)
  }

  @Test(
    "a format for rows is refused where there is not one read that returns rows",
    arguments: [
      "INSERT INTO t VALUES(1,2) RETURNING a", "DELETE FROM t", "SELECT 1; SELECT 2",
      "PRAGMA defer_foreign_keys=OFF",
    ])
  func refused(sql: String) throws {
    let spool = try TemporarySpool()
    try spool.work("t.json", Self.table)
    let result = try spool.work("x.json", #"{"sql":"\#(sql)","result":{"format":"csv"}}"#)
    #expect(result.status == "rejected")
    #expect(result.code == "SLUICE_BAD_JOB")
    #expect(try spool.lines("SELECT count(*) FROM t") == ["4"])
    #expect(spool.names(spool.layout.results, hidden: true).sorted() == ["t.json", "x.json"])
    #expect(spool.names(spool.layout.failed) == ["x.json"])
  }

  @Test("a result too long for memory is as whole as any other")
  func longResult() throws {
    let spool = try TemporarySpool()
    let job =
      #"{"id":"label","meta":{"a": 1},"statements":[{"sql":"SELECT 1 AS one"},"#
      + #"{"sql":"\#(Self.many)"},{"sql":"SELECT 2 AS two"}]}"#
    let result = try spool.work("x.json", job)
    #expect(result.status == "done")
    #expect(result["id"]?.string == "label")
    #expect(result.at("statements/1/rows")?.array?.count == 50_000)
    #expect(result.at("statements/1/rows/49999/1")?.string == "row 50000")
    #expect(result.at("statements/2/rows/0/0")?.integer == 2)
    #expect(result.at("times/finished")?.string != nil)
    #expect(spool.names(spool.layout.results, hidden: true) == ["x.json"])
  }

  @Test("a read that fails when much of it is written leaves its error and no rows")
  func failsLate() throws {
    let spool = try TemporarySpool()
    let sql = "\(Self.many) UNION ALL SELECT abs(-9223372036854775807-1), 'last'"
    try spool.drop("a.json", #"{"sql":"\#(sql)"}"#)
    let result = try spool.work("x.json", #"{"sql":"\#(sql)","result":{"format":"jsonl"}}"#)
    #expect(result.status == "failed")
    #expect(result["statements"] == nil)
    #expect(try spool.parsedResult("a.json")?.status == "failed")
    #expect(spool.names(spool.layout.results, hidden: true).sorted() == ["a.json", "x.json"])
  }

  @Test("a worker that was killed while it wrote leaves no scratch behind, and the read runs again")
  func killed() throws {
    let spool = try TemporarySpool()
    try spool.drop("x.json", #"{"sql":"\#(Self.many)","result":{"format":"csv"}}"#)
    try WorkerProcess.once(on: spool, crashAt: "published")
    try spool.layout.results.create(".read-7.tmp").write(Array("half".utf8))
    try WorkerProcess.once(on: spool)
    #expect(try spool.parsedResult("x.json")?.status == "done")
    #expect(try spool.result("x.rows.csv")?.utf8.count { $0 == 0x0a } == 50_001)
    #expect(
      spool.names(spool.layout.results, hidden: true).sorted() == ["x.json", "x.rows.csv"])
    #expect(spool.activeJobs.isEmpty)
  }

  @Test("what was exported comes back by an import as it was", arguments: ["csv", "jsonl"])
  func roundTrip(format: String) throws {
    let spool = try TemporarySpool()
    let values = #"(1,'x,\"y\"\nz\r'),(2,NULL),(-1.5,''),(9e999,' \t ')"#
    try spool.work(
      "t.json", #"{"sql":"CREATE TABLE t(a,b); INSERT INTO t VALUES\#(values)"}"#)
    try spool.work("x.json", #"{"sql":"SELECT * FROM t","result":{"format":"\#(format)"}}"#)
    let file = "x.rows.\(format)"
    try spool.layout.results.rename(file, to: spool.layout.data, file)
    try spool.work("u.json", #"{"sql":"CREATE TABLE u(a REAL, b TEXT)"}"#)
    let result = try spool.work("i.json", #"{"import":{"file":"\#(file)","table":"u"}}"#)
    #expect(result.status == "done")
    #expect(result["imported"]?.integer == 4)
    let query = "SELECT CAST(a AS REAL), b, typeof(b) FROM"
    #expect(try spool.lines("\(query) u") == spool.lines("\(query) t"))
  }
}
