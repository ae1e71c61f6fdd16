import Foundation
import Spool
import TestSupport
import Testing

/// A database with a page that is not what it was.
@Suite("A damaged database") struct DamagedDatabaseTests {
  private static let insert = #"{"sql":"INSERT INTO good VALUES(2)"}"#

  /// A spool whose table `bad` cannot be read, while `good` can.
  private func spool() throws -> TemporarySpool {
    let spool = try TemporarySpool()
    try spool.drop(
      "make.sql",
      """
      CREATE TABLE good(a); CREATE TABLE bad(a); INSERT INTO good VALUES(1);
      INSERT INTO bad VALUES(1);
      """)
    try spool.drop(
      "page.json",
      #"{"sql":"SELECT rootpage FROM sqlite_schema WHERE name='bad'","after":["make.sql"]}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    let page = try #require(try spool.parsedResult("page.json")?.firstValue?.integer)
    let file = try FileHandle(forUpdating: URL(filePath: spool.path + "/main.db"))
    try file.seek(toOffset: UInt64(page - 1) * 4096)
    try file.write(contentsOf: Data(repeating: 0xff, count: 4096))
    try file.close()
    return spool
  }

  @Test("the job that meets it fails, writes wait and are done after a restart, reads go on")
  func setAside() throws {
    let spool = try spool()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("bad.json", #"{"sql":"INSERT INTO bad VALUES(2)"}"#)
    let result = try spool.awaitedResult("bad.json")
    #expect(result.status == "failed" && result.errorCode?.hasPrefix("SQLITE_CORRUPT") == true)
    #expect(eventually { worker.child.errors.contains("which is damaged") })
    try spool.drop("write.json", Self.insert)
    try spool.drop("read.json", #"{"sql":"SELECT count(*) FROM good"}"#)
    #expect(try spool.awaitedResult("read.json").firstValue?.integer == 1)
    #expect(
      eventually {
        (try? spool.text(spool.layout.monitor, "events.jsonl"))??.contains("database_set_aside")
          == true
      })
    #expect(try spool.parsedResult("write.json") == nil)
    #expect(worker.child.errors.components(separatedBy: "which is damaged").count == 2)
    worker.kill()
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(try spool.parsedResult("write.json")?.status == "done")
  }

  @Test("--once ends with 1 where writes are left behind")
  func once() throws {
    let spool = try spool()
    try spool.drop("a.json", #"{"sql":"INSERT INTO bad VALUES(2)"}"#, lane: .urgent)
    try spool.drop("b.json", Self.insert, lane: .bulk)
    #expect(try WorkerProcess.once(on: spool, within: 30).end == .exited(1))
    #expect(try spool.parsedResult("a.json")?.status == "failed")
  }
}
