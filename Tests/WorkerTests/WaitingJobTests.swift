import JSON
import Spool
import TestSupport
import Testing

/// Jobs that wait for a time or for other jobs, through the built worker.
@Suite("Waiting") struct WaitingJobTests {
  static let insert = #""sql":"INSERT INTO t VALUES(1)""#
  /// Runs until it is stopped.
  static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

  static func spoolWithTable() throws -> TemporarySpool {
    let spool = try TemporarySpool()
    try spool.drop("table.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    return spool
  }

  @Test("a job does not run before its time, and --once leaves it behind with exit code 1")
  func notBefore() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("later.json", #"{"not_before":3600,\#(Self.insert)}"#)
    try spool.drop("now.json", #"{"not_before":"2020-01-01T00:00:00Z",\#(Self.insert)}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.parsedResult("now.json")?.status == "done")
    #expect(try spool.parsedResult("later.json") == nil)
    #expect(spool.activeJobs.map(\.job.text) == ["later.json"])
  }

  @Test("a job whose time comes while the worker waits runs then, also after a restart")
  func timeComes() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("soon.json", #"{"not_before":1.5,\#(Self.insert)}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    let worker = try WorkerProcess.started(on: spool)
    let result = try spool.awaitedResult("soon.json")
    #expect(result.status == "done")
    #expect(try #require(result["times"]?["waited"]?.number) >= 1.49)
    worker.stop()
  }

  @Test("a job that is not finished in time expires, whether it waits, runs alone or is a read")
  func expires() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("waits.json", #"{"not_before":3600,"expires":0.2,\#(Self.insert)}"#)
    try spool.drop(
      "writes.json",
      #"{"expires":0.3,"timeout":60,"sql":"INSERT INTO t \#(Self.endless)"}"#)
    try spool.drop("reads.json", #"{"expires":0.3,"timeout":60,"sql":"\#(Self.endless)"}"#)
    try spool.drop("past.json", #"{"expires":"2020-01-01T00:00:00Z",\#(Self.insert)}"#)
    try spool.drop("fine.json", #"{"expires":3600,\#(Self.insert)}"#)
    let worker = try WorkerProcess.started(on: spool)
    for name in ["waits.json", "writes.json", "reads.json", "past.json"] {
      let result = try spool.awaitedResult(name)
      #expect(result.status == "expired", "\(name)")
      #expect(result.errorCode == "SLUICE_EXPIRED" && result.errorKind == "timeout")
    }
    #expect(try spool.awaitedResult("fine.json").status == "done")
    try spool.drop("count.json", #"{"sql":"SELECT count(*) FROM t"}"#)
    #expect(try spool.awaitedResult("count.json").firstValue?.integer == 1)
    worker.stop()
    #expect(spool.names(spool.layout.failed).count == 4)
  }

  @Test("a job runs after the ones that it names, dropped in whatever order and lane")
  func after() throws {
    let spool = try Self.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop(
      "c.json", #"{"after":["b.json","first"],"sql":"SELECT count(*) FROM t"}"#, lane: .urgent)
    try spool.drop("b.json", #"{"after":["a.json"],\#(Self.insert)}"#, lane: .high)
    #expect(eventually { spool.activeJobs.count == 2 })
    try spool.drop("a.json", #"{"id":"first",\#(Self.insert)}"#, lane: .bulk)
    let result = try spool.awaitedResult("c.json")
    #expect(result.status == "done" && result.firstValue?.integer == 2)
    worker.stop()
  }

  @Test("a job whose dependency ends otherwise fails, and so does the one behind it")
  func dependencyFails() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("a.json", #"{"sql":"INSERT INTO nowhere VALUES(1)"}"#)
    try spool.drop("b.json", #"{"after":["a.json"],\#(Self.insert)}"#)
    try spool.drop("c.json", #"{"after":["b.json"],"sql":"SELECT 1"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    for name in ["b.json", "c.json"] {
      let result = try #require(try spool.parsedResult(name))
      #expect(result.status == "failed" && result.errorCode == "SLUICE_DEPENDENCY")
      #expect(result.errorKind == "dependency")
    }
    #expect(spool.names(spool.layout.failed) == ["a.json", "b.json", "c.json"])
    #expect(spool.activeJobs.isEmpty)
  }

  @Test("jobs that wait for each other fail, and the result names the way round")
  func cycle() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("a.json", #"{"after":["b.json"],\#(Self.insert)}"#)
    try spool.drop("b.json", #"{"after":["c.json"],\#(Self.insert)}"#)
    try spool.drop("c.json", #"{"after":["a.json"],\#(Self.insert)}"#)
    try spool.drop("self.json", #"{"id":"me","after":["me"],\#(Self.insert)}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    let ways = [
      "a": "a.json → b.json → c.json → a.json", "b": "b.json → c.json → a.json → b.json",
      "c": "c.json → a.json → b.json → c.json", "self": "self.json → self.json",
    ]
    for (stem, way) in ways {
      let result = try #require(try spool.parsedResult(stem + ".json"))
      #expect(result.errorCode == "SLUICE_CYCLE")
      #expect(result["error"]?["message"]?.string?.contains(way) == true, "\(stem)")
    }
  }

  @Test("a job that ended before counts, from its result or, when that was taken, from the ledger")
  func endedBefore() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop("write.json", #"{"id":"w",\#(Self.insert)}"#)
    try spool.drop("read.json", #"{"sql":"SELECT 1"}"#)
    try spool.drop("bad.json", #"{"id":"x","sql":"INSERT INTO nowhere VALUES(1)"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    try spool.layout.results.unlink("write.json")
    try spool.layout.results.unlink("bad.json")
    try spool.drop("1.json", #"{"after":["write.json","w","read.json"],\#(Self.insert)}"#)
    try spool.drop("2.json", #"{"after":["bad.json"],\#(Self.insert)}"#)
    try spool.drop("3.json", #"{"after":["x"],\#(Self.insert)}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.parsedResult("1.json")?.status == "done")
    #expect(try spool.parsedResult("2.json")?.errorCode == "SLUICE_DEPENDENCY")
    #expect(try spool.parsedResult("3.json")?.errorCode == "SLUICE_DEPENDENCY")
  }

  @Test("a name that nobody has seen is waited for at most after_timeout")
  func neverSeen() throws {
    let spool = try Self.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool, ["--set", "after_timeout=0.3"])
    try spool.drop("a.json", #"{"after":["never.json"],\#(Self.insert)}"#)
    let result = try spool.awaitedResult("a.json")
    #expect(result.errorCode == "SLUICE_DEPENDENCY")
    #expect(result["error"]?["message"]?.string?.contains("never.json") == true)
    worker.stop()
  }

  @Test("waiting jobs are found again after a kill, with what they wait for")
  func kill() throws {
    let spool = try Self.spoolWithTable()
    let first = try WorkerProcess.started(on: spool)
    try spool.drop("b.json", #"{"after":["a.json"],\#(Self.insert)}"#)
    try spool.drop("c.json", #"{"after":["b.json"],\#(Self.insert)}"#)
    #expect(eventually { spool.activeJobs.count == 2 })
    first.kill()
    try spool.drop("a.json", "{\(Self.insert)}")
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    let commits = try ["a", "b", "c"].map { try spool.parsedResult($0 + ".json")?.commit ?? 0 }
    #expect(commits == commits.sorted() && Set(commits).count == 3)
  }

  @Test("scripts and batches wait as well, and a batch that is cancelled keeps what it has done")
  func streamed() throws {
    let spool = try Self.spoolWithTable()
    try spool.drop(
      "s.sql", "-- sluice: {\"after\":[\"a.json\"]}\nINSERT INTO t SELECT count(*) FROM t;")
    let lines = (1...100_000).map { "[\(-$0)]\n" }.joined()
    try spool.drop(
      "b.jsonl",
      #"{"sluice":{"after":["s.sql"],"sql":"INSERT INTO t VALUES(?)"}}"# + "\n" + lines)
    let worker = try WorkerProcess.started(on: spool)
    #expect(eventually { spool.activeJobs.count == 2 })
    try spool.drop("a.json", "{\(Self.insert)}")
    #expect(try spool.awaitedResult("s.sql.json").status == "done")
    let count = #"{"sql":"SELECT count(*) FROM t WHERE x<0"}"#
    var looks = 0
    let hasBegun = try eventually {
      looks += 1
      try spool.drop("look\(looks).json", count)
      return try (spool.awaitedResult("look\(looks).json").firstValue?.integer ?? 0) > 0
    }
    #expect(hasBegun)
    try spool.drop("c.json", #"{"control":"cancel","job":"b.jsonl"}"#, lane: .control)
    #expect(try spool.awaitedResult("c.json").status == "done")
    let totals = try spool.awaitedResult("b.jsonl.json")
    #expect(totals.status == "cancelled" && totals.errorCode == "SLUICE_CANCELLED")
    let done = try #require(totals["lines"]?["done"]?.integer)
    try spool.drop("count.json", count)
    #expect(try spool.awaitedResult("count.json").firstValue?.integer == done)
    #expect(done < 100_000 && spool.names(spool.layout.failed) == ["b.jsonl"])
    worker.stop()
  }
}
