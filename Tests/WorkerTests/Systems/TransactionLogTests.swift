import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// What `transactions.jsonl` tells of a worker's transactions.
@Suite("The log of transactions") struct TransactionLogTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func log() throws -> [JSONNode] {
    let bytes = try spool.layout.monitor.contents("transactions.jsonl") ?? []
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONReader.parse($0) }
  }

  /// Has the jobs done, all of which waited before the first began.
  private func work(_ jobs: KeyValuePairs<String, String>) throws -> [String: JSONNode] {
    let worker = try WorkerProcess.started(on: spool, ["--set", "monitor_interval=0.1"])
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("CREATE TABLE t(a); BEGIN IMMEDIATE")
    for (name, text) in jobs { try spool.drop(name, text) }
    #expect(eventually { spool.activeJobs.count == jobs.count })
    try other.execute("ROLLBACK")
    var results: [String: JSONNode] = [:]
    for (name, _) in jobs {
      let result = name.hasSuffix(".json") ? name : name + ".json"
      results[name] = try spool.awaitedResult(result)
      #expect(results[name]?.status == "done")
    }
    #expect(worker.stop() == .exited(0))
    return results
  }

  @Test("each isolation has its effect: immediate ones share a commit, others have one each")
  func isolation() throws {
    func insert(_ level: String) -> String {
      #"{"transaction":"\#(level)","sql":"INSERT INTO t VALUES(1)"}"#
    }
    let results = try work([
      "a.json": insert("immediate"), "b.json": insert("immediate"), "c.json": insert("deferred"),
      "d.json": insert("exclusive"),
      // A read that asks for the lock has it, and with it a commit.
      "e.json": #"{"transaction":"exclusive","sql":"SELECT count(*) FROM t"}"#,
      "f.json": #"{"transaction":"deferred","sql":"SELECT 1"}"#,
    ])
    let commits = try ["a", "c", "d", "e"].map { try #require(results[$0 + ".json"]?.commit) }
    #expect(results["b.json"]?.commit == commits[0] && Set(commits).count == 4)
    #expect(results["e.json"]?.firstValue?.integer == 4)
    #expect(results["f.json"]?.status == "done" && results["f.json"]?.commit == nil)
    let told = try commits.map { commit in
      let line = try log().first { $0["commit"]?.integer == commit }
      return "\(line?["isolation"]?.string ?? "-") \(line?["jobs"]?.integer ?? -1)"
    }
    #expect(told == ["immediate 2", "deferred 1", "exclusive 1", "exclusive 1"])
  }

  @Test("a job on a connection of its own is told once, as the one transaction that it is")
  func ownConnection() throws {
    let results = try work([
      "a.json": #"{"sql":"CREATE TEMP TABLE x AS SELECT 1; INSERT INTO t SELECT * FROM x"}"#,
      "b.json": #"{"transaction":"deferred","sql":"INSERT INTO t VALUES(1)"}"#,
      "c.jsonl": #"{"sql":"CREATE TEMP TABLE x AS SELECT 1; INSERT INTO t SELECT * FROM x"}"#,
      "d.sql": "INSERT INTO t VALUES(1);",
    ])
    #expect(try log().filter { $0["outcome"]?.string != "committed" }.isEmpty)
    for name in ["a.json", "b.json", "d.sql"] {
      let commit = try #require(results[name]?.commit)
      let lines = try log().filter { $0["commit"]?.integer == commit }
      #expect(lines.map { $0["jobs"]?.integer } == [1])
    }
    #expect(try spool.lines("SELECT count(*) FROM t") == ["4"])
  }
}
