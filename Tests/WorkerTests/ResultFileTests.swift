import Glibc
import JSON
import Spool
import TestSupport
import Testing

@Suite("Result files") struct ResultFileTests {
  @Test("whoever reads a result while it is replaced sees a whole one")
  func whole() throws {
    let spool = try TemporarySpool()
    let worker = try WorkerProcess.started(on: spool)
    // Of several sizes, so that a mixture would be no JSON.
    for number in 1...40 {
      let marker = "m\(number)"
      let sql = "SELECT '\(marker)', hex(zeroblob(\(number * 997 % 20_000)))"
      try spool.drop("x.json", #"{"sql":"\#(sql)"}"#)
      let isThere = try eventually {
        guard let bytes = try spool.layout.results.contents("x.json") else { return false }
        return try JSONReader.parse(bytes).firstValue?.string == marker
      }
      #expect(isThere)
    }
    #expect(worker.stop() == .exited(0))
  }

  @Test("what the worker makes is for its user and group alone")
  func modes() throws {
    let spool = try TemporarySpool()
    let before = umask(0)
    defer { umask(before) }
    try spool.drop("done.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    try spool.drop("failed.json", #"{"sql":"SELECT * FROM nowhere"}"#)
    try spool.drop("rejected.json", "{}")
    try WorkerProcess.once(on: spool)
    for name in ["done", "failed", "rejected"] {
      #expect(mode(spool.path + "/results/\(name).json") == 0o640)
    }
    #expect(mode(spool.path + "/main.db") == 0o640)
    #expect(mode(spool.path + "/sluice.lock") == 0o640)
  }

  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return status.st_mode & 0o7777
  }

  @Test("a result tells the job's name, id, meta, times and attempts")
  func document() throws {
    let spool = try TemporarySpool()
    try spool.drop(
      "x.json", #"{"id":"one","meta":{"who": "Ada"},"sql":"CREATE TABLE t(x)"}"#, lane: .high)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    let text = try #require(try spool.result("x.json"))
    #expect(text.contains(#""meta":{"who": "Ada"}"#))
    let result = try JSONReader.parse(Array(text.utf8))
    #expect(result["job"]?.string == "x.json")
    #expect(result["id"]?.string == "one")
    #expect(result["priority"]?.string == "high")
    #expect(result["database"]?.string == "main")
    #expect(result["attempts"]?.integer == 1)
    for field in ["arrived", "started", "finished"] {
      #expect(result["times"]?[field]?.string?.hasSuffix("Z") == true)
    }
  }
}
