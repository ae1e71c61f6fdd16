import JSON
import SQLite
import TestSupport
import Testing

@Suite("Cached reads of a worker") struct CachedReadTests {
  @Test("a read is served from the cache until its table changes, by a job or by another process")
  func cached() throws {
    let spool = try TemporarySpool()
    let worker = try WorkerProcess.started(on: spool)
    var number = 0
    func answer(_ job: String) throws -> JSONNode {
      number += 1
      try spool.drop("job-\(number).json", job)
      let result = try spool.awaitedResult("job-\(number).json")
      #expect(result.status == "done")
      return result
    }
    func read() throws -> (value: Int64?, cached: Bool?) {
      let result = try answer(#"{"sql":"SELECT sum(x) FROM t","cache":60}"#)
      return (result.firstValue?.integer, result["cached"]?.bool)
    }
    _ = try answer(#"{"sql":"CREATE TABLE t(x); CREATE TABLE other(x); INSERT INTO t VALUES(1)"}"#)
    #expect(try read() == (1, false))
    #expect(try read() == (1, true))
    _ = try answer(#"{"sql":"INSERT INTO other VALUES(5)"}"#)
    #expect(try read() == (1, true))
    _ = try answer(#"{"sql":"INSERT INTO t VALUES(2)"}"#)
    #expect(try read() == (3, false))
    #expect(try read() == (3, true))
    let beside = try Connection(path: spool.path + "/main.db", role: .writer)
    try beside.execute("INSERT INTO t VALUES(4)")
    #expect(try read() == (7, false))
    #expect(try read() == (7, true))
    #expect(
      try answer(#"{"sql":"SELECT sum(x) FROM t","cache":false}"#)["cached"]?.bool == false)
    #expect(worker.stop() == .exited(0))
  }

  @Test("rules of the configuration make reads cached, and cache_size 0 none")
  func rules() throws {
    let spool = try TemporarySpool()
    let config = "[[cache]]\nmatch = \"select *\"\nttl = \"1m\"\n"
    try spool.layout.root.replaceDurably("sluice.toml", with: Array(config.utf8))
    for (size, expected) in [("10", true), ("0", false)] {
      let worker = try WorkerProcess.started(
        on: spool, ["--config", spool.path + "/sluice.toml", "--set", "cache_size=" + size])
      for number in 0..<2 {
        try spool.drop("read-\(size)-\(number).json", #"{"sql":"SELECT  1"}"#)
        let result = try spool.awaitedResult("read-\(size)-\(number).json")
        #expect(result["cached"]?.bool == (number == 1 && expected))
      }
      #expect(worker.stop() == .exited(0))
    }
  }
}
