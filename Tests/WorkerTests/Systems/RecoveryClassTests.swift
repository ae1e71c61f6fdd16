import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// Each class of errors, provoked for real, and how the worker gets over it.
@Suite("The classes of errors") struct RecoveryClassTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private var file: String { spool.path + "/main.db" }

  private func started(_ settings: String...) throws -> WorkerProcess {
    try WorkerProcess.started(
      on: spool, (["monitor_interval=0.1"] + settings).flatMap { ["--set", $0] })
  }

  private func count(_ path: String...) throws -> Int64 {
    guard let bytes = try spool.layout.monitor.contents("metrics.json") else { return 0 }
    let main = try JSONReader.parse(bytes)["databases"]?["main"]
    return path.reduce(main) { $0?[$1] }?.integer ?? 0
  }

  @Test("connection: a reader that cannot be opened is opened again, and the job done")
  func connection() throws {
    let worker = try started()
    defer { worker.stop() }
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t AS SELECT 1 AS a"}"#)
    #expect(try spool.awaitedResult("t.json").status == "done")
    // No reader is open yet; none can be while the file is not where it was.
    #expect(rename(file, file + ".away") == 0)
    try spool.drop("given-up.json", #"{"sql":"SELECT a FROM t","retries":1}"#)
    let givenUp = try spool.awaitedResult("given-up.json")
    #expect(givenUp.errorKind == "connection" && givenUp.errorCode == "SQLITE_CANTOPEN")
    #expect(givenUp["error"]?["retryable"]?.bool == true && givenUp["attempts"]?.integer == 2)
    try spool.drop("patient.json", #"{"sql":"SELECT a FROM t","retries":1000}"#)
    #expect(try eventually { try count("pool", "failed") >= 4 })
    #expect(rename(file + ".away", file) == 0)
    let result = try spool.awaitedResult("patient.json", within: 60)
    #expect(result.status == "done" && result.firstValue?.integer == 1)
    #expect(result["attempts"]?.integer ?? 0 > 1)
  }

  @Test("lock timeout: the job first in line is charged, the others keep their place untouched")
  func lockTimeout() throws {
    let worker = try started("connection_timeout=0.2", "max_retries=1")
    defer { worker.stop() }
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    #expect(try spool.awaitedResult("t.json").status == "done")
    let other = try Connection(path: file, role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    for name in ["a", "b", "c"] {
      try spool.drop(name + ".json", #"{"sql":"INSERT INTO t VALUES(1)"}"#)
    }
    let first = try spool.awaitedResult("a.json")
    #expect(first.errorKind == "lock_timeout" && first.errorCode == "SLUICE_BUSY")
    #expect(first["error"]?["message"]?.string?.contains("process \(getpid())") == true)
    try other.execute("ROLLBACK")
    for name in ["b.json", "c.json"] { #expect(try spool.awaitedResult(name).status == "done") }
    #expect(try spool.lines("SELECT count(*) FROM t") == ["2"])
    #expect(try eventually { try count("lock", "timeouts") >= 2 })
  }

  @Test("cache: one that cannot be trusted is emptied and passed by, and comes back by itself")
  func cache() throws {
    let worker = try started()
    defer { worker.stop() }
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t AS SELECT 1 AS a"}"#)
    try spool.drop("warm.json", #"{"sql":"SELECT a FROM t","after":["t.json"]}"#)
    #expect(try spool.awaitedResult("warm.json").status == "done")
    // A reader is open, but the cache's own connection is not yet.
    #expect(rename(file, file + ".away") == 0)
    let read = #"{"sql":"SELECT a FROM t","cache":60}"#
    for number in 0..<2 {
      try spool.drop("r\(number).json", read)
      let result = try spool.awaitedResult("r\(number).json")
      #expect(result.firstValue?.integer == 1 && result["cached"]?.bool == false)
    }
    #expect(try eventually { try count("cache", "failures") >= 1 })
    #expect(worker.child.errors.contains("reads go to the database"))
    #expect(rename(file + ".away", file) == 0)
    var number = 2
    let isBack = try eventually {
      number += 1
      try spool.drop("r\(number).json", read)
      return try spool.awaitedResult("r\(number).json")["cached"]?.bool == true
    }
    let metrics = try spool.text(spool.layout.monitor, "metrics.json") ?? ""
    #expect(isBack, "\(metrics)")
  }

  @Test("transaction: one that a job rolls back is replayed without it, each effect once")
  func transaction() throws {
    let worker = try started()
    defer { worker.stop() }
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(0)"}"#)
    #expect(try spool.awaitedResult("t.json").status == "done")
    let other = try Connection(path: file, role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    for number in 1...9 {
      let (words, value) = number == 5 ? ("INSERT OR ROLLBACK", 0) : ("INSERT", number)
      try spool.drop("w\(number).json", #"{"sql":"\#(words) INTO t VALUES(\#(value))"}"#)
    }
    #expect(eventually { spool.activeJobs.count == 9 })
    try other.execute("ROLLBACK")
    for number in 1...9 {
      let result = try spool.awaitedResult("w\(number).json")
      #expect(result.status == (number == 5 ? "failed" : "done"))
      if number == 5 { #expect(result.errorCode == "SQLITE_CONSTRAINT_UNIQUE") }
    }
    #expect(try spool.lines("SELECT count(*), count(DISTINCT a) FROM t") == ["9|9"])
    #expect(try eventually { try count("transactions", "undone") >= 1 })
    let log = try spool.text(spool.layout.monitor, "transactions.jsonl") ?? ""
    #expect(log.contains(#""outcome":"undone""#))
  }
}
