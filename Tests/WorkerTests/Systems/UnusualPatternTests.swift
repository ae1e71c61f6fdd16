import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// What an operator is told without asking.
@Suite("Unusual patterns") struct UnusualPatternTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func started(_ settings: String...) throws -> WorkerProcess {
    try WorkerProcess.started(
      on: spool, (["monitor_interval=0.1"] + settings).flatMap { ["--set", $0] })
  }

  private func heldBackPages() throws -> Int64 {
    guard let bytes = try spool.layout.monitor.contents("metrics.json") else { return -1 }
    let storage = try JSONReader.parse(bytes)["databases"]?["main"]?["storage"]
    return storage?["wal_held_back_pages"]?.integer ?? -1
  }

  private func fill(_ table: String, rows: Int) throws {
    let connection = try Connection(path: spool.path + "/main.db", role: .writer)
    try connection.execute(
      """
      CREATE TABLE \(table)(id INTEGER PRIMARY KEY, a, b);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows))
      INSERT INTO \(table)(a, b) SELECT i, hex(randomblob(20)) FROM n
      """)
  }

  @Test("a full scan of a large table is told with the index that would help, which does")
  func fullScan() throws {
    try fill("t", rows: 100_000)
    let worker = try started()
    defer { worker.stop() }
    try spool.drop("scan.json", #"{"sql":"SELECT b FROM t WHERE a = 7"}"#)
    let event = try #require(try spool.awaitedEvent("full_scan"))
    let text = try #require(event["text"]?.string)
    #expect(text.hasSuffix("CREATE INDEX t_a ON t(a)"))
    #expect(event["statement"]?.string == "select b from t where a = ?")
    #expect(event["count"]?.integer == 100_000 && event["database"]?.string == "main")
    try spool.drop("index.json", #"{"sql":"CREATE INDEX t_a ON t(a)"}"#)
    try spool.drop(
      "plan.json",
      #"{"sql":"EXPLAIN QUERY PLAN SELECT b FROM t WHERE a = 7","after":["index.json"]}"#)
    let plan = try spool.awaitedResult("plan.json")
    #expect(plan["statements"]?[0]?["rows"]?[0]?[3]?.string?.contains("SEARCH") == true)
  }

  @Test("a lane that grows and a lock that is held are told when they begin and when they end")
  func growth() throws {
    try fill("t", rows: 1)
    let worker = try started()
    defer { worker.stop() }
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    var number = 0
    var seen: [UInt8]? = []
    let grows = try eventually(within: 60) {
      // More with each version of the files.
      let version = try spool.layout.monitor.contents("metrics.json")
      if version == seen { return false }
      seen = version
      for _ in 0..<20 {
        number += 1
        try spool.drop("b\(number).json", #"{"sql":"INSERT INTO t(a) VALUES(1)"}"#, lane: .bulk)
      }
      return try spool.text(spool.layout.monitor, "events.jsonl")?.contains("lane_grows") ?? false
    }
    #expect(grows)
    let held = try #require(try spool.awaitedEvent("lock_held"))
    #expect(held["text"]?.string?.contains("process \(getpid())") == true)
    #expect(held["seconds"]?.number ?? 0 >= 1)
    try other.execute("ROLLBACK")
    let growth = try #require(try spool.awaitedEvent("lane_grows"))
    #expect(growth["lane"]?.string == "bulk" && growth["count"]?.integer ?? 0 >= 100)
    #expect(try spool.awaitedEvent("lane_drained")?["lane"]?.string == "bulk")
    #expect(try spool.awaitedEvent("lock_released") != nil)
  }

  @Test("a checkpoint that is held back names the process whose snapshot does it")
  func heldBack() throws {
    try fill("t", rows: 10)
    let worker = try started()
    defer { worker.stop() }
    let reader = try Connection(path: spool.path + "/main.db", role: .reader)
    try reader.execute("BEGIN; SELECT count(*) FROM t")
    for number in 0..<3 {
      try spool.drop(
        "w\(number).json",
        #"{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1200)"#
          + #" INSERT INTO t(b) SELECT zeroblob(4000) FROM n"}"#)
      #expect(try spool.awaitedResult("w\(number).json").status == "done")
    }
    let event = try #require(try spool.awaitedEvent("checkpoint_held_back"))
    #expect(event["text"]?.string?.contains("process \(getpid())") == true)
    #expect(event["count"]?.integer ?? 0 >= 1000)
    #expect(try eventually { try heldBackPages() >= 1000 })
    // Nothing more is written: time alone tells of the end.
    try reader.execute("ROLLBACK")
    #expect(try spool.awaitedEvent("checkpoint_caught_up") != nil)
    #expect(try eventually { try heldBackPages() == 0 })
  }

  @Test("a statement that takes ten times as long as it used to is told with its fingerprint")
  func slower() throws {
    let worker = try started()
    defer { worker.stop() }
    let text = "SELECT count(*) FROM n LIMIT ?"
    func job(_ most: Int) -> String {
      #"{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\#(most))"#
        + #" \#(text)","params":[1]}"#
    }
    for number in 0..<120 { try spool.drop("q\(number).json", job(10)) }
    let isUsual = eventually { spool.names(spool.layout.results).count == 120 }
    #expect(isUsual)
    // What is usual is learned with the next version of the files.
    var number = 0
    var event: JSONNode?
    _ = try eventually {
      number += 1
      try spool.drop("s\(number).json", job(300_000))
      _ = try spool.awaitedResult("s\(number).json")
      let bytes = try spool.layout.monitor.contents("events.jsonl") ?? []
      event = try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONReader.parse($0) }
        .first { $0["event"]?.string == "statement_unusual" }
      return event != nil
    }
    #expect(event?["statement"]?.string?.contains("select count(*) from n limit ?") == true)
    #expect(event?["seconds"]?.number ?? 0 >= 0.01)
  }
}
