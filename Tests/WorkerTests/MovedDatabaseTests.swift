import Foundation
import Spool
import TestSupport
import Testing

/// A database file that is moved or replaced while a worker has it open: SQLite would go on with the
/// old one.
@Suite("A database that is moved away") struct MovedDatabaseTests {
  private static let insert = #"{"sql":"INSERT INTO t VALUES(1)"}"#
  private static let count = #"{"sql":"SELECT count(*) FROM t"}"#

  private func move(_ from: String, to: String, in spool: TemporarySpool) {
    #expect(rename(spool.path + "/" + from, spool.path + "/" + to) == 0)
  }

  /// Puts a copy of the database into its place.
  private func replace(in spool: TemporarySpool) throws {
    let copy = try ChildProcess("cp", [spool.path + "/main.db", spool.path + "/new.db"])
    #expect(copy.wait() == .exited(0))
    move("main.db", to: "old.db", in: spool)
    move("new.db", to: "main.db", in: spool)
  }

  @Test(
    "jobs wait, it is said once, and they go on when the file is put back",
    arguments: [true, false])
  func putBack(isReplaced: Bool) throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("before.json", Self.insert)
    #expect(try spool.awaitedResult("before.json").status == "done")
    if isReplaced { try replace(in: spool) } else { move("main.db", to: "old.db", in: spool) }
    try spool.drop("write.json", Self.insert)
    try spool.drop("read.json", Self.count)
    #expect(eventually { worker.child.errors.contains("SQLITE_READONLY_DBMOVED") })
    #expect(try spool.parsedResult("write.json") == nil && spool.parsedResult("read.json") == nil)
    move("old.db", to: "main.db", in: spool)
    #expect(try spool.awaitedResult("write.json").status == "done")
    #expect(try spool.awaitedResult("read.json").status == "done")
    try spool.drop("count.json", Self.count)
    #expect(try spool.awaitedResult("count.json").firstValue?.integer == 2)
    #expect(worker.child.errors.components(separatedBy: "DBMOVED").count == 2)
    #expect(worker.child.errors.contains("the writer goes on"))
    worker.stop()
  }

  @Test("a worker that is started anew works on the file that is there now")
  func startedAnew() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    try replace(in: spool)
    try spool.drop("write.json", Self.insert)
    #expect(eventually { worker.child.errors.contains("SQLITE_READONLY_DBMOVED") })
    worker.child.send(SIGTERM)
    #expect(eventually { worker.child.errors.contains("ask again to stop at once") })
    #expect(worker.stop() == .exited(0))
    #expect(try spool.parsedResult("write.json") == nil)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(try spool.parsedResult("write.json")?.status == "done")
  }

  @Test("a read that waits for it expires in time, and is cancelled when asked")
  func readEnds() throws {
    let spool = try WaitingJobTests.spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    move("main.db", to: "old.db", in: spool)
    try spool.drop("late.json", #"{"sql":"SELECT count(*) FROM t","expires":0.3}"#)
    try spool.drop("read.json", Self.count)
    let late = try spool.awaitedResult("late.json")
    #expect(late.status == "expired" && late["error"]?["code"]?.string == "SLUICE_EXPIRED")
    try spool.drop("stop.json", #"{"control":"cancel","job":"read.json"}"#, lane: .control)
    #expect(try spool.awaitedResult("read.json").status == "cancelled")
    #expect(try spool.awaitedResult("stop.json").status == "done")
    move("old.db", to: "main.db", in: spool)
    #expect(worker.stop() == .exited(0))
  }
}
