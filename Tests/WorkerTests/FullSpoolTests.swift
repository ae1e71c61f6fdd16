import Foundation
import Glibc
import Spool
import TestSupport
import Testing

/// A spool whose file system is full, with a database that has room elsewhere, or has none either.
@Suite(
  "A full spool", .serialized,
  .enabled(if: SmallDisk.isPossible, "a small file system cannot be mounted here (not root)"))
struct FullSpoolTests {
  private static let insert = #"{"sql":"INSERT INTO t VALUES(1)"}"#

  @Test(
    "results wait for room, it is said, and every effect is there once", arguments: [true, false])
  func full(isDatabaseElsewhere: Bool) throws {
    let disk = try #require(try SmallDisk(mebibytes: 8))
    let elsewhere = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(elsewhere) }
    let spool = disk.path + "/spool"
    try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: false)
    let database = (isDatabaseElsewhere ? elsewhere : disk.path) + "/main.db"
    func start() throws -> ChildProcess {
      try ChildProcess(
        WorkerProcess.executable, ["run", "--spool", spool, "--database", database])
    }
    func has(_ file: String) -> Bool { access(spool + "/" + file, F_OK) == 0 }
    func drop(_ name: String) throws {
      #expect(rename(spool + "/tmp/" + name, spool + "/incoming/" + name) == 0)
    }
    let worker = try start()
    #expect(eventually { has("incoming") && worker.errors.contains(" working on ") })
    try Data(#"{"sql":"CREATE TABLE t(a)"}"#.utf8).write(
      to: URL(filePath: spool + "/incoming/c.json"))
    #expect(eventually { has("results/c.json") })
    for number in 0..<5 {
      try Data(Self.insert.utf8).write(to: URL(filePath: spool + "/tmp/j\(number).json"))
    }
    try disk.fill(leaving: 0)
    for number in 0..<5 { try drop("j\(number).json") }
    #expect(
      eventually { worker.errors.contains("No space left") || worker.errors.contains("FULL") })
    try disk.empty()
    for number in 0..<5 { #expect(eventually { has("results/j\(number).json") }) }
    #expect(worker.end == nil)
    try Data(#"{"sql":"SELECT count(*) FROM t"}"#.utf8)
      .write(to: URL(filePath: spool + "/incoming/n.json"))
    #expect(eventually { has("results/n.json") })
    let count = try String(contentsOfFile: spool + "/results/n.json", encoding: .utf8)
    #expect(count.contains("[[5]]"), "\(count)")
    for number in 0..<5 {
      let text = try String(contentsOfFile: spool + "/results/j\(number).json", encoding: .utf8)
      #expect(text.contains(#""status":"done""#))
    }
    worker.send(SIGTERM)
    #expect(worker.wait(within: 20) == .exited(0))
  }
}
