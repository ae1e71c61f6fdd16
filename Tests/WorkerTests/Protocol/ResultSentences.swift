import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// The protocol's section "A result", sentence by sentence.
@Suite("A result", .worker("--set", "connection_timeout=0.2", "--set", "max_retries=0"))
struct ResultSentences {
  @Test(
    "x.json → x.json; x.sql → x.sql.json; x.jsonl → x.jsonl and x.jsonl.json",
    arguments: [
      (".json", #"{"sql":"SELECT 1"}"#, [".json"]), (".sql", "SELECT 1;", [".sql.json"]),
      (".jsonl", #"{"sql":"SELECT 1"}"#, [".jsonl", ".jsonl.json"]),
      (".jsonl", #"{"sql":1}"#, [".jsonl", ".jsonl.json"]),
    ])
  func names(ending: String, content: String, results: [String]) throws {
    let served = try ServedSpool.get()
    let stem = "named-" + served.freshName("")
    #expect(try served.run(content, as: stem + ending)["job"]?.string == stem + ending)
    let standing = served.spool.files("results").filter { $0.hasPrefix(stem + ".") }
    #expect(standing == results.map { stem + $0 })
    for name in standing { #expect(served.mode("results/" + name) == 0o640) }
  }

  @Test("a done write tells all that the protocol shows, in its order")
  func document() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE shown(id INTEGER PRIMARY KEY, x)"}"#)
    let result = try served.run(
      #"{"id":"shown-1","sql":"INSERT INTO shown(x) VALUES(5) RETURNING id"}"#, lane: .high)
    let fields = result.object?.map(\.key)
    #expect(
      fields == [
        "job", "id", "status", "database", "priority", "attempts", "commit", "statements", "times",
        "cached",
      ])
    let statement = try #require(result["statements"]?[0])
    #expect(
      statement.object?.map(\.key)
        == ["columns", "rows", "changes", "last_insert_rowid", "seconds"])
    #expect(statement["columns"]?[0]?.string == "id" && statement["changes"]?.integer == 1)
    #expect(statement["last_insert_rowid"]?.integer == 1)
    #expect(try #require(statement["seconds"]?.number) > 0)
    #expect(result["attempts"]?.integer == 1 && result["cached"]?.bool == false)
    let times = try #require(result["times"])
    #expect(times.object?.map(\.key) == ["arrived", "started", "finished", "waited", "ran"])
    let instants = ["arrived", "started", "finished"].compactMap { times[$0]?.string }
    #expect(instants.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z/) != nil })
    #expect(instants == instants.sorted() && instants.count == 3)
    #expect(try #require(times["waited"]?.number) >= 0)
    #expect(try #require(times["ran"]?.number) > 0)
  }

  @Test("only a done write has a commit, and it is strictly increasing; reads have none")
  func commits() throws {
    let served = try ServedSpool.get()
    var last: Int64 = 0
    for number in 1...5 {
      let write = try served.run(#"{"sql":"CREATE TABLE commit_\#(number)(x)"}"#)
      let commit = try #require(write.commit)
      #expect(commit > last)
      last = commit
      #expect(try served.run(#"{"sql":"SELECT 1"}"#).commit == nil)
      let failed = try served.run(#"{"sql":"CREATE TABLE commit_\#(number)(x)"}"#)
      #expect(failed.status == "failed" && failed.commit == nil)
    }
  }

  @Test("status: failed, rejected, expired and cancelled, for writes too, and each says why")
  func statuses() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE fated(x)"}"#)
    let cases: [(String, String, String, String)] = [
      (#"{"sql":"INSERT INTO nowhere VALUES(1)"}"#, "failed", "SQLITE_ERROR", "sql"),
      (#"{"sql":"SELECT * FROM nowhere"}"#, "failed", "SQLITE_ERROR", "sql"),
      (#"{"sql":"VACUUM"}"#, "rejected", "SLUICE_FORBIDDEN", "request"),
      (
        #"{"expires":"2020-01-01T00:00:00Z","sql":"INSERT INTO fated VALUES(1)"}"#, "expired",
        "SLUICE_EXPIRED", "timeout"
      ),
      (
        #"{"not_before":3600,"sql":"INSERT INTO fated VALUES(2)"}"#, "cancelled",
        "SLUICE_CANCELLED", "request"
      ),
    ]
    for (job, status, code, kind) in cases {
      let name = served.freshName()
      try served.spool.drop(name, job)
      if status == "cancelled" { try served.command(#""cancel","job":"\#(name)""#) }
      let result = try served.result(of: name)
      #expect(result.status == status && result.errorCode == code && result.errorKind == kind)
      #expect(result.errorFault() == nil && result["statements"] == nil, "\(status)")
    }
    #expect(try served.value("SELECT count(*) FROM fated")?.integer == 0)
  }

  @Test(
    "an error of SQLite has its extended name and number, the statement and the offset",
    arguments: [
      ("INSERT INTO erring(x) VALUES(1)", "SQLITE_CONSTRAINT_UNIQUE", 2067, "constraint", nil),
      ("INSERT INTO erring(id) VALUES(1)", "SQLITE_CONSTRAINT_PRIMARYKEY", 1555, "constraint", nil),
      ("INSERT INTO erring(y) VALUES(0)", "SQLITE_CONSTRAINT_CHECK", 275, "constraint", nil),
      ("INSERT INTO erring(z) VALUES(NULL)", "SQLITE_CONSTRAINT_NOTNULL", 1299, "constraint", nil),
      ("SELECT abs(-9223372036854775808)", "SQLITE_ERROR", 1, "sql", nil),
      ("SELECT nowhere FROM erring", "SQLITE_ERROR", 1, "sql", 7),
      ("SELEC 1", "SQLITE_ERROR", 1, "sql", 0),
      ("SELECT no_function(1)", "SQLITE_ERROR", 1, "sql", 7),
    ] as [(String, String, Int64, String, Int64?)])
  func errors(sql: String, code: String, number: Int64, kind: String, offset: Int64?) throws {
    let served = try ServedSpool.get()
    try served.run(
      """
      {"sql":"CREATE TABLE IF NOT EXISTS erring(id INTEGER PRIMARY KEY, x UNIQUE, \
      y CHECK(y>0), z NOT NULL DEFAULT 1); INSERT OR IGNORE INTO erring(id,x) VALUES(1,1)"}
      """)
    let result = try served.run(#"{"statements":[{"sql":"SELECT 1"},{"sql":"\#(sql)"}]}"#)
    #expect(result.status == "failed" && result.errorCode == code && result.errorKind == kind)
    #expect(result.error?["number"]?.integer == number)
    #expect(result.error?["statement"]?.integer == 1)
    #expect(result.error?["offset"]?.integer == offset && result.errorFault() == nil)
  }

  @Test("a foreign key that is open when the job ends fails it")
  func foreignKey() throws {
    let result = try ServedSpool.get().run(
      """
      {"sql":"PRAGMA foreign_keys=ON; CREATE TABLE up(a PRIMARY KEY); \
      CREATE TABLE down(b REFERENCES up DEFERRABLE INITIALLY DEFERRED); \
      INSERT INTO down VALUES(1)"}
      """)
    #expect(result.errorCode == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(result.error?["number"]?.integer == 787 && result.errorFault() == nil)
  }

  @Test("SLUICE_BUSY: another process kept the write lock past every retry; it is named")
  func busy() throws {
    let spool = try TemporarySpool()
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    let worker = try WorkerProcess.started(
      on: spool, ["--set", "connection_timeout=0.1", "--set", "max_retries=0"])
    #expect(try spool.awaitedResult("t.json").status == "done")
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    try spool.drop("busy.json", #"{"sql":"INSERT INTO t VALUES(1)"}"#)
    let result = try spool.awaitedResult("busy.json")
    #expect(result.status == "failed" && result.errorCode == "SLUICE_BUSY")
    #expect(result.errorKind == "lock_timeout" && result.error?["retryable"]?.bool == true)
    #expect(result.errorFault() == nil && result["attempts"]?.integer == 1)
    #expect(result.message.contains("\(getpid())"))
    try other.execute("COMMIT")
    try spool.drop("free.json", #"{"retries":5,"sql":"INSERT INTO t VALUES(2)"}"#)
    #expect(try spool.awaitedResult("free.json").status == "done")
    worker.stop()
  }

  @Test("a line of a .jsonl that is wrong names its own line of the file")
  func batchLine() throws {
    let served = try ServedSpool.get()
    let name = served.freshName(".jsonl")
    let totals = try served.run(
      "{\"sql\":\"SELECT 1\"}\n\n{\"sql\": }\n{\"sql\":5}\n", as: name)
    #expect(totals.errorCode == "SLUICE_LINES" && totals.errorFault() == nil)
    let lines = try #require(served.spool.text("results/" + name)).split(separator: "\n")
    let second = try JSONReader.parse(Array(lines[1].utf8))
    #expect(second["line"]?.integer == 3 && second.message.contains("line 3, column 9"))
    let third = try JSONReader.parse(Array(lines[2].utf8))
    #expect(third["line"]?.integer == 4 && third.message.contains("/sql"))
  }
}
