import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// Commands to the built worker.
@Suite("Control jobs") struct ControlJobTests {
  private static let insert = WaitingJobTests.insert

  private func command(_ text: String, as name: String, on spool: TemporarySpool) throws -> JSONNode
  {
    try spool.drop(name, "{\"control\":\(text)}", lane: .control)
    return try spool.awaitedResult(name)
  }

  @Test("a command elsewhere, another job among the commands: both are forbidden")
  func places() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    try spool.drop("stray.json", #"{"control":"checkpoint"}"#, lane: .urgent)
    try spool.drop("job.json", "{\(Self.insert)}", lane: .control)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    for name in ["stray.json", "job.json"] {
      let result = try #require(try spool.parsedResult(name))
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN", "\(name)")
    }
  }

  @Test("a running write, alone or in a group, and a running read are cancelled without effect")
  func cancelRunning() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    let endless = WaitingJobTests.endless
    try spool.drop("write.json", #"{"id":"w","timeout":60,"sql":"INSERT INTO t \#(endless)"}"#)
    try spool.drop("read.json", #"{"timeout":60,"sql":"\#(endless)"}"#)
    #expect(try eventually { try spool.jobsInFlight().count == 2 })
    try spool.drop("behind.json", #"{"sql":"INSERT INTO t VALUES(2)"}"#)
    #expect(try command(#""cancel","job":"w""#, as: "1.json", on: spool).status == "done")
    #expect(try command(#""cancel","job":"read.json""#, as: "2.json", on: spool).status == "done")
    for name in ["write.json", "read.json"] {
      let result = try spool.awaitedResult(name)
      #expect(result.status == "cancelled" && result.errorCode == "SLUICE_CANCELLED")
    }
    #expect(try spool.awaitedResult("behind.json").status == "done")
    try spool.drop("count.json", #"{"sql":"SELECT count(*) FROM t"}"#)
    #expect(try spool.awaitedResult("count.json").firstValue?.integer == 1)
    worker.stop()
  }

  @Test("a queued job, a waiting one and one that is not claimed yet are cancelled")
  func cancelWaiting() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let endless = WaitingJobTests.endless
    try spool.drop("long.json", #"{"timeout":60,"sql":"INSERT INTO t \#(endless)"}"#)
    try spool.drop("queued.json", "{\(Self.insert)}")
    try spool.drop("waits.json", #"{"after":["never.json"],\#(Self.insert)}"#)
    let names = ["queued.json", "waits.json", "long.json"]
    for name in names {
      try spool.drop("cancel-\(name)", #"{"control":"cancel","job":"\#(name)"}"#, lane: .control)
    }
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    for name in names {
      #expect(try spool.parsedResult(name)?.status == "cancelled", "\(name)")
      #expect(try spool.parsedResult("cancel-\(name)")?.status == "done", "\(name)")
    }
  }

  @Test("a job that is unknown, or done already, is not found")
  func cancelUnknown() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    let result = try command(#""cancel","job":"table.json""#, as: "c.json", on: spool)
    #expect(result.status == "failed" && result.errorCode == "SLUICE_NOT_FOUND")
    #expect(try spool.sluice("cancel", "nobody").status == 1)
    worker.stop()
  }

  @Test("the command line cancels a waiting job by its id")
  func cancelCommand() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("later.json", #"{"id":"order-7","not_before":3600,\#(Self.insert)}"#)
    #expect(try spool.sluice("cancel", "order-7").status == 0)
    #expect(try spool.parsedResult("later.json")?.status == "cancelled")
    worker.stop()
  }

  @Test("a pause keeps its jobs and no others, outlives a kill, and ends with resume")
  func pause() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let first = try WorkerProcess.started(on: spool)
    let paused = try command(#""pause","priority":"low""#, as: "p.json", on: spool)
    #expect(paused.status == "done" && paused["paused"]?[0]?.string == "priority low")
    try spool.drop("low.json", "{\(Self.insert)}", lane: .low)
    try spool.drop("normal.json", "{\(Self.insert)}")
    #expect(try spool.awaitedResult("normal.json").status == "done")
    #expect(eventually { spool.activeJobs.contains { $0.job.text == "low.json" } })
    first.kill()
    try spool.drop("low-read.json", #"{"priority":"low","sql":"SELECT 1"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.parsedResult("low.json") == nil)
    #expect(try spool.parsedResult("low-read.json") == nil)
    let second = try WorkerProcess.started(on: spool)
    #expect(try command(#""resume""#, as: "r.json", on: spool)["paused"]?.array?.isEmpty == true)
    #expect(try spool.awaitedResult("low.json").status == "done")
    #expect(try spool.awaitedResult("low-read.json").status == "done")
    second.stop()
  }

  @Test("a pause of a database takes back what waits behind a running job; others are refused")
  func pauseDatabase() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    let endless = WaitingJobTests.endless
    try spool.drop("long.json", #"{"timeout":60,"sql":"INSERT INTO t \#(endless)"}"#)
    #expect(try eventually { try spool.jobsInFlight().count == 1 })
    for number in 1...20 { try spool.drop("\(number).json", "{\(Self.insert)}") }
    #expect(eventually { spool.activeJobs.count == 21 })
    #expect(try command(#""pause","database":"main""#, as: "p.json", on: spool).status == "done")
    #expect(try command(#""cancel","job":"long.json""#, as: "c.json", on: spool).status == "done")
    let unknown = try command(#""pause","database":"none""#, as: "u.json", on: spool)
    #expect(unknown.errorCode == "SLUICE_NO_DATABASE")
    #expect(try spool.parsedResult("1.json") == nil)
    #expect(try command(#""resume","database":"main""#, as: "r.json", on: spool).status == "done")
    for number in 1...20 { #expect(try spool.awaitedResult("\(number).json").status == "done") }
    worker.stop()
  }

  @Test("retry brings a job back from failed/, by name or id")
  func retry() throws {
    let spool = try TemporarySpool()
    try spool.drop("a.json", "{\(Self.insert)}")
    try spool.drop("b.json", #"{"id":"second",\#(Self.insert)}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    try spool.drop("table.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    let worker = try WorkerProcess.started(on: spool)
    #expect(try spool.awaitedResult("table.json").status == "done")
    #expect(try command(#""retry","job":"a.json""#, as: "1.json", on: spool).status == "done")
    #expect(try command(#""retry","job":"second""#, as: "2.json", on: spool).status == "done")
    let third = try command(#""retry","job":"c.json""#, as: "3.json", on: spool)
    #expect(third.errorCode == "SLUICE_NOT_FOUND")
    for name in ["a.json", "b.json"] {
      #expect(try eventually { try spool.parsedResult(name)?.status == "done" }, "\(name)")
    }
    #expect(spool.names(spool.layout.failed) == ["3.json"])
    worker.stop()
  }

  @Test("the database is looked after between jobs")
  func maintenance() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("rows.json", #"{"sql":"INSERT INTO t VALUES(randomblob(100000))"}"#)
    #expect(try spool.awaitedResult("rows.json").status == "done")
    let checkpoint = try command(#""checkpoint""#, as: "c.json", on: spool)
    #expect(checkpoint.status == "done")
    #expect(try #require(checkpoint["checkpoint"]?["copied"]?.integer) > 0)
    for word in ["optimize", "analyze", "vacuum"] {
      let result = try command("\"\(word)\"", as: "\(word).json", on: spool)
      #expect(result.status == "done", "\(word)")
    }
    let check = try command(#""integrity_check""#, as: "i.json", on: spool)
    #expect(check.status == "done" && check.firstValue?.string == "ok")
    try spool.drop("after.json", "{\(Self.insert)}")
    #expect(try spool.awaitedResult("after.json").status == "done")
    worker.stop()
  }

  @Test("a backup made while writes go on is whole and stands on its own")
  func backup() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    try spool.drop(
      "fill.json",
      """
      {"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) \
      INSERT INTO t SELECT randomblob(4000) FROM n"}
      """)
    let worker = try WorkerProcess.started(on: spool)
    #expect(try spool.awaitedResult("fill.json").status == "done")
    // A trap: the copy must not be written through it.
    let outside = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(outside) }
    try spool.link("copy.db", to: outside + "/precious")
    try spool.drop("b.json", #"{"control":"backup","to":"copy.db"}"#, lane: .control)
    var written = 0
    _ = try eventually {
      try spool.drop("w\(written).json", "{\(Self.insert)}")
      written += 1
      return try spool.parsedResult("b.json") != nil
    }
    let result = try spool.awaitedResult("b.json")
    #expect(result.status == "done" && result["backup"]?["to"]?.string == "copy.db")
    worker.stop()
    #expect(TemporarySpool.isEmpty(outside))
    #expect(!spool.names(spool.layout.results, hidden: true).contains { $0.hasPrefix(".") })
    let copy = try Connection(path: spool.layout.results.path + "/copy.db", role: .reader)
    #expect(try copy.command("PRAGMA integrity_check", most: 1) == ["ok"])
    #expect(try copy.command("SELECT CAST(count(*)>=2000 AS TEXT) FROM t", most: 1) == ["1"])
    #expect(try copy.command("PRAGMA journal_mode", most: 1) == ["delete"])
  }

  @Test("a backup has a plain name that is no result's", arguments: ["../x.db", "a.json", "/x"])
  func backupName(name: String) throws {
    let spool = try WaitingJobTests.spoolWithTable()
    try spool.drop("b.json", #"{"control":"backup","to":"\#(name)"}"#, lane: .control)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    let result = try #require(try spool.parsedResult("b.json"))
    #expect(result.status == "rejected" && result["error"]?["pointer"]?.string == "/to")
  }

  @Test("shutdown is answered before the worker ends")
  func shutdown() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    #expect(try command(#""reload""#, as: "r.json", on: spool).status == "done")
    #expect(worker.child.end == nil)
    #expect(try command(#""shutdown""#, as: "s.json", on: spool).status == "done")
    #expect(worker.child.wait(within: 20) == .exited(0))
    #expect(spool.activeJobs.isEmpty)
  }

  @Test(
    "reload or shutdown from before the worker's start is not obeyed: cancelled, with that said",
    arguments: ["reload", "shutdown"])
  func old(command: String) throws {
    let spool = try WaitingJobTests.spoolWithTable()
    try spool.drop("s.json", "{\"control\":\"\(command)\"}", lane: .control)
    try spool.drop("c.json", #"{"control":"checkpoint"}"#, lane: .control)
    try spool.drop("job.json", "{\(Self.insert)}")
    let worker = try WorkerProcess.started(on: spool)
    let result = try spool.awaitedResult("s.json")
    #expect(result.status == "cancelled" && result.errorCode == "SLUICE_CANCELLED")
    #expect(result.message.contains("before this worker's start") && result.errorFault() == nil)
    #expect(try spool.awaitedResult("c.json").status == "done")
    #expect(try spool.awaitedResult("job.json").status == "done")
    worker.stop()
  }
}

extension TemporarySpool {
  /// Puts a symlink into `results/`.
  fileprivate func link(_ name: String, to target: String) throws {
    guard symlink(target, layout.results.path + "/" + name) == 0 else {
      throw FileError(.create, path: name, errno: errno)
    }
  }

  fileprivate static func isEmpty(_ path: String) -> Bool {
    guard let stream = opendir(path) else { return false }
    defer { closedir(stream) }
    var count = 0
    while readdir(stream) != nil { count += 1 }
    return count == 2
  }
}
