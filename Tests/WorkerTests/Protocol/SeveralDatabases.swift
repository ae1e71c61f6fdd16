import Foundation
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// A database that is slow, locked or broken holds up none of the others.
@Suite("Several databases") struct SeveralDatabases {
  /// A spool with the databases `main`, of tests, and `other`, below `sub/`.
  private struct Fixture {
    let spool: TemporarySpool
    var other: String { spool.path + "/sub/other.db" }
    let arguments: [String]

    init() throws {
      spool = try TemporarySpool()
      let config = spool.path + "/sluice.toml"
      arguments = ["--config", config]
      try spool.put(
        """
        connection_timeout = 0.2
        max_retries = 1
        [databases.main]
        path = "\(spool.path)/main.db"
        [databases.other]
        path = "\(spool.path)/sub/other.db"

        """, at: "sluice.toml")
      try FileManager.default.createDirectory(
        atPath: spool.path + "/sub", withIntermediateDirectories: true)
    }

    /// Whether the main database is written and read promptly.
    func mainWorks(_ name: String) throws -> Bool {
      try spool.drop("\(name)-w.json", #"{"sql":"CREATE TABLE \#(name)(a)"}"#)
      let write = try spool.awaitedResult("\(name)-w.json", within: 10)
      try spool.drop("\(name)-r.json", #"{"sql":"SELECT count(*) FROM \#(name)"}"#)
      let read = try spool.awaitedResult("\(name)-r.json", within: 10)
      return write.status == "done" && read.firstValue?.integer == 0
    }
  }

  enum Fault: CaseIterable { case noDatabase, noDirectory, directory, locked }

  @Test(
    "one that is not there at the start is waited for by its own jobs only",
    arguments: Fault.allCases)
  func late(fault: Fault) throws {
    let it = try Fixture()
    let spool = it.spool
    var lock: Connection?
    switch fault {
    case .noDatabase:
      try spool.put(String(repeating: "no database ", count: 200), at: "sub/other.db")
    case .noDirectory: try FileManager.default.removeItem(atPath: spool.path + "/sub")
    case .directory:
      try FileManager.default.createDirectory(atPath: it.other, withIntermediateDirectories: true)
    case .locked:
      lock = try Connection(path: it.other, role: .writer)
      try lock?.execute("BEGIN EXCLUSIVE")
    }
    let worker = try WorkerProcess.started(on: spool, it.arguments)
    #expect(worker.child.errors.contains("the database other is not there yet"))
    #expect(try it.mainWorks("before"))
    try spool.drop("w.json", #"{"sql":"CREATE TABLE t(a)","database":"other"}"#)
    try spool.drop(
      "r.json", #"{"sql":"SELECT count(*) FROM t","database":"other","after":["w.json"]}"#)
    try spool.drop("b.jsonl", #"{"sluice":{"database":"other"}}"# + "\n{\"sql\":\"SELECT 1\"}\n")
    try spool.drop("v.json", #"{"control":"checkpoint","database":"other"}"#, lane: .control)
    try spool.drop("d.json", #"{"sql":"SELECT 1","after":["w.json"]}"#)
    #expect(eventually { spool.activeJobs.count == 5 })
    #expect(try it.mainWorks("after"))
    var status = ""
    #expect(
      try eventually {
        status = try spool.sluice("status").output
        return status.contains("database other, which is not there yet")
      }, "\(status)")
    let waiting = Set(spool.activeJobs.map(\.job.text))
    #expect(waiting.isSuperset(of: ["w.json", "r.json", "b.jsonl", "v.json", "d.json"]))
    switch fault {
    case .noDatabase, .directory: try FileManager.default.removeItem(atPath: it.other)
    case .noDirectory:
      try FileManager.default.createDirectory(
        atPath: spool.path + "/sub", withIntermediateDirectories: true)
    case .locked:
      try lock?.execute("COMMIT")
      lock = nil
    }
    for name in ["w.json", "r.json", "b.jsonl.json", "v.json", "d.json"] {
      #expect(try spool.awaitedResult(name).status == "done", "\(name)")
    }
    #expect(worker.stop() == .exited(0))
    #expect(spool.activeJobs.isEmpty)
  }

  @Test("with --once its jobs are left behind, and the next worker runs them")
  func once() throws {
    let it = try Fixture()
    try it.spool.put(String(repeating: "no database ", count: 200), at: "sub/other.db")
    try it.spool.drop("o.json", #"{"sql":"CREATE TABLE t(a)","database":"other"}"#)
    try it.spool.drop("m.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    #expect(try WorkerProcess.once(on: it.spool, it.arguments).end == .exited(1))
    #expect(try it.spool.parsedResult("m.json")?.status == "done")
    try FileManager.default.removeItem(atPath: it.other)
    #expect(try WorkerProcess.once(on: it.spool, it.arguments).end == .exited(0))
    #expect(try it.spool.parsedResult("o.json")?.status == "done")
  }

  @Test(
    "what a killed worker had committed in it is answered, once, when it is there again",
    arguments: ["begun:1", "ran:1", "committed:1", "published:1"])
  func recovered(seam: String) throws {
    let it = try Fixture()
    let spool = it.spool
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(a)","database":"other"}"#)
    #expect(try WorkerProcess.once(on: spool, it.arguments).end == .exited(0))
    try spool.drop("x.json", #"{"sql":"INSERT INTO t VALUES(1)","database":"other"}"#)
    try spool.drop(
      "y.json", #"{"sql":"INSERT INTO t VALUES(1); SELECT nothing","database":"other"}"#)
    try spool.drop(
      "b.jsonl",
      #"{"sluice":{"database":"other","sql":"INSERT INTO t VALUES(?)"}}"# + "\n[1]\n[1,2]\n")
    try WorkerProcess.once(on: spool, it.arguments, crashAt: seam)
    // Whoever wanted its result has taken it, so nothing but the ledger knows of it.
    try spool.layout.results.unlink("w.json")
    #expect(rename(spool.path + "/sub", spool.path + "/away") == 0)
    // One that is killed, and one that ends in order, without having seen it.
    try WorkerProcess.started(on: spool, it.arguments).kill()
    #expect(try WorkerProcess.started(on: spool, it.arguments).stop() == .exited(0))
    let worker = try WorkerProcess.started(on: spool, it.arguments)
    #expect(try it.mainWorks("meanwhile"))
    #expect(rename(spool.path + "/away", spool.path + "/sub") == 0)
    #expect(try spool.awaitedResult("x.json").status == "done")
    #expect(try spool.awaitedResult("y.json").status == "failed")
    #expect(try spool.awaitedResult("b.jsonl.json").errorCode == "SLUICE_LINES")
    #expect(eventually { spool.activeJobs.isEmpty })
    #expect(spool.names(spool.layout.failed) == ["b.jsonl", "y.json"])
    worker.stop()
    let connection = try Connection(path: it.other, role: .reader)
    let count = try connection.prepareOwn("SELECT count(*) FROM t")
    #expect(try count.step() && count.value(0) == .integer(2))
  }

  @Test("an id that only its ledger knows is waited for by name, and found when it is there")
  func lateDependency() throws {
    let it = try Fixture()
    let spool = it.spool
    try spool.drop("w.json", #"{"sql":"CREATE TABLE t(a)","database":"other","id":"made"}"#)
    #expect(try WorkerProcess.once(on: spool, it.arguments).end == .exited(0))
    // Whoever wanted its result has taken it, so nothing but the ledger knows of it.
    try spool.layout.results.unlink("w.json")
    #expect(rename(spool.path + "/sub", spool.path + "/away") == 0)
    let worker = try WorkerProcess.started(on: spool, it.arguments)
    #expect(worker.child.errors.contains("the database other is not there yet"))
    try spool.drop("after.json", #"{"sql":"CREATE TABLE u(a)","after":["made"]}"#)
    #expect(eventually { spool.files("active").contains { $0.hasSuffix("@after.json") } })
    #expect(try it.mainWorks("meanwhile"))
    let show = try spool.sluice("show", "after.json")
    #expect(show.output.contains("waits for  made"), "\(show)")
    #expect(rename(spool.path + "/away", spool.path + "/sub") == 0)
    #expect(try spool.awaitedResult("after.json").status == "done")
    worker.stop()
  }

  @Test("where none can be opened the worker ends, and names the first")
  func none() throws {
    let it = try Fixture()
    try FileManager.default.removeItem(atPath: it.spool.path + "/sub")
    try it.spool.put(String(repeating: "no database ", count: 200), at: "main.db")
    let run = try WorkerProcess.once(on: it.spool, it.arguments)
    #expect(run.end == .exited(65))
    #expect(run.errors.contains("main.db: file is not a database (SQLITE_NOTADB)"))
  }

  @Test(
    "one that another process keeps locked later holds up its own writes only, and names the holder"
  )
  func lockedLater() throws {
    let it = try Fixture()
    let spool = it.spool
    let worker = try WorkerProcess.started(on: spool, it.arguments)
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(a)","database":"other"}"#)
    #expect(try spool.awaitedResult("t.json").status == "done")
    var lock: Connection? = try Connection(path: it.other, role: .writer)
    try lock?.execute("BEGIN IMMEDIATE")
    try spool.drop(
      "w.json", #"{"sql":"INSERT INTO t VALUES(1)","database":"other","retries":100}"#,
      lane: .urgent)
    #expect(try it.mainWorks("locked"))
    // Readers of the locked database go on, too.
    try spool.drop("r.json", #"{"sql":"SELECT count(*) FROM t","database":"other"}"#)
    #expect(try spool.awaitedResult("r.json").firstValue?.integer == 0)
    try spool.drop(
      "x.json", #"{"sql":"INSERT INTO t VALUES(2)","database":"other","retries":0}"#, lane: .urgent)
    var status = ""
    #expect(
      try eventually {
        status = try spool.sluice("status", "--config", spool.path + "/sluice.toml").output
        return status.contains("\(getpid())")
      }, "\(status)")
    try lock?.execute("COMMIT")
    lock = nil
    #expect(try spool.awaitedResult("w.json").status == "done")
    worker.stop()
  }

  @Test(
    "a foreign lock past connection_timeout and every retry is SLUICE_BUSY, naming pid and command")
  func busy() throws {
    let it = try Fixture()
    let spool = it.spool
    let worker = try WorkerProcess.started(on: spool, it.arguments)
    let lock = try Connection(path: spool.path + "/main.db", role: .writer)
    try lock.execute("BEGIN IMMEDIATE")
    try spool.drop("1.json", #"{"sql":"CREATE TABLE one(a)","retries":0}"#)
    let busy = try spool.awaitedResult("1.json")
    #expect(busy.status == "failed" && busy.errorCode == "SLUICE_BUSY")
    #expect(busy.errorKind == "lock_timeout")
    #expect(busy["error"]?["message"]?.string?.contains("\(getpid())") == true)
    // Behind it the others keep their place; they do as soon as the lock is gone.
    try spool.drop("2.json", #"{"sql":"CREATE TABLE two(a)","retries":1000}"#)
    try spool.drop("3.json", #"{"sql":"CREATE TABLE three(a)","retries":0}"#)
    #expect(eventually { spool.activeJobs.count == 2 })
    try spool.drop("r.json", #"{"sql":"SELECT 1"}"#)
    #expect(try spool.awaitedResult("r.json").status == "done")
    try lock.execute("COMMIT")
    #expect(try spool.awaitedResult("2.json").status == "done")
    #expect(try spool.awaitedResult("3.json").status == "done")
    worker.stop()
  }
}
