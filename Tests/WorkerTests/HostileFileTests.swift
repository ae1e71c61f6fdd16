import Foundation
import Glibc
import Spool
import TestSupport
import Testing

/// Files and directories by somebody who means ill.
@Suite("Hostile files") struct HostileFileTests {
  @Test("a lane that is swapped for a symlink leads the worker nowhere, and the others work on")
  func swappedLane() throws {
    let live = try LiveSpool(["--set", "rescan=0.1s"])
    defer { live.stop() }
    let elsewhere = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(elsewhere) }
    let prey = elsewhere + "/prey.json"
    try Data(#"{"sql":"SELECT 1"}"#.utf8).write(to: URL(filePath: prey))
    let lane = live.spool.layout.incoming(.high).path
    #expect(rename(lane, live.spool.path + "/tmp/high") == 0)
    #expect(symlink(elsewhere, lane) == 0)
    for round in 0..<5 {
      #expect(try live.run("r\(round).json", #"{"sql":"SELECT 1"}"#).status == "done")
    }
    #expect(FileManager.default.fileExists(atPath: prey))
    #expect(try live.spool.parsedResult("prey.json") == nil)
  }

  @Test("a sparse file of 1 TiB is refused unread", arguments: ["s.json", "s.sql"])
  func sparse(name: String) throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let scratch = live.spool.path + "/tmp/" + name
    try Data().write(to: URL(filePath: scratch))
    // Some file systems have no room for such a size, even where nothing is in it.
    guard truncate(scratch, 1 << 40) == 0 else { return }
    #expect(rename(scratch, live.spool.path + "/incoming/" + name) == 0)
    let result = try live.spool.awaitedResult(JobName(name)?.result ?? name)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_TOO_LARGE")
  }

  @Test("the hole of a sparse batch or import is stepped over, and the lines around it are done")
  func holes() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a)")
    for (file, line) in [
      ("tmp/b.jsonl", "{\"sql\":\"INSERT INTO t VALUES(1)\"}\n"), ("data/c.csv", "2\n"),
    ] {
      let path = live.spool.path + "/" + file
      try Data(line.utf8).write(to: URL(filePath: path))
      guard truncate(path, 1 << 40) == 0 else { return }
      let handle = try FileHandle(forWritingTo: URL(filePath: path))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(("\n" + line).utf8))
      try handle.close()
    }
    #expect(rename(live.spool.path + "/tmp/b.jsonl", live.spool.path + "/incoming/b.jsonl") == 0)
    let batch = try live.spool.awaitedResult("b.jsonl.json", within: 30)
    #expect(batch["lines"]?["done"]?.integer == 2 && batch["lines"]?["total"]?.integer == 3)
    let load =
      #"{"import":{"file":"c.csv","table":"t","header":false,"columns":["a"],"errors":"skip"}}"#
    #expect(try live.run("i.json", load)["imported"]?.integer == 2)
    #expect(try live.rows("SELECT sum(a) FROM t") == ["6"])
  }
}
