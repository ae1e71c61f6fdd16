import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// The settings that everyone meets, each shown by what a worker does otherwise with it.
@Suite("The six settings") struct SixSettingsTests {
  private static let endless =
    #"{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"}"#
  /// Some hundred milliseconds in a debug build.
  private static let slow =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000000) SELECT max(i) FROM n"

  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func started(_ settings: String...) throws -> WorkerProcess {
    try WorkerProcess.started(
      on: spool, (["monitor_interval=0.1"] + settings).flatMap { ["--set", $0] })
  }

  private func database() throws -> JSONNode? {
    guard let bytes = try spool.layout.monitor.contents("metrics.json") else { return nil }
    return try JSONReader.parse(bytes)["databases"]?["main"]
  }

  @Test("pool_size: so many reads run at once, and no more connections are opened")
  func poolSize() throws {
    for size in [1, 3] {
      let worker = try started("pool_size=\(size)")
      for number in 0..<5 { try spool.drop("r\(size)-\(number).json", Self.endless) }
      let isFull = try eventually {
        guard let database = try database() else { return false }
        return database["running"]?.array?.count == size
          && database["lanes"]?["normal"]?["reads"]?.integer == Int64(5 - size)
      }
      #expect(isFull)
      #expect(try database()?["pool"]?["size"]?.integer == Int64(size))
      #expect(try database()?["pool"]?["open"]?.integer == Int64(size))
      worker.kill()
      for directory in [spool.layout.active, spool.layout.incoming(.root)] {
        for name in spool.names(directory) { _ = try? directory.unlink(name) }
      }
    }
  }

  @Test("connection_timeout and max_retries: how long a foreign lock is waited for, and how often")
  func lockTimes() throws {
    try spool.work("t.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    for (retries, attempts) in [(0, 1), (2, 3)] {
      let worker = try started("connection_timeout=0.2", "max_retries=\(retries)")
      let other = try Connection(path: spool.path + "/main.db", role: .writer)
      try other.execute("BEGIN IMMEDIATE")
      let name = "w\(retries).json"
      try spool.drop(name, #"{"sql":"INSERT INTO t VALUES(1)"}"#)
      let result = try spool.awaitedResult(name)
      #expect(result.errorCode == "SLUICE_BUSY" && result.errorKind == "lock_timeout")
      #expect(result["attempts"]?.integer == Int64(attempts))
      #expect(result["times"]?["waited"]?.number ?? 0 > 0.2 * Double(attempts))
      #expect(result["error"]?["message"]?.string?.contains("0.2 s") == true)
      try other.execute("ROLLBACK")
      #expect(worker.stop() == .exited(0))
    }
    // With time enough the same is only late.
    let worker = try started("connection_timeout=30")
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    try spool.drop("patient.json", #"{"sql":"INSERT INTO t VALUES(1)"}"#)
    #expect(try eventually { try database()?["writer"]?.string == "waiting for lock" })
    #expect(try spool.parsedResult("patient.json") == nil)
    try other.execute("ROLLBACK")
    let result = try spool.awaitedResult("patient.json")
    #expect(result.status == "done" && result["attempts"]?.integer == 1)
    #expect(worker.stop() == .exited(0))
  }

  @Test("cache_size: so many results are kept, the one not used for longest goes first")
  func cacheSize() throws {
    for (size, hits) in [(0, 0), (1, 1), (2, 4)] {
      let worker = try started("cache_size=\(size)")
      var cached = 0
      for (number, value) in [1, 1, 2, 1, 2, 1].enumerated() {
        let name = "c\(size)-\(number).json"
        try spool.drop(name, #"{"sql":"SELECT \#(value)","cache":60}"#)
        if try spool.awaitedResult(name)["cached"]?.bool == true { cached += 1 }
      }
      #expect(cached == hits)
      #expect(worker.stop() == .exited(0))
      #expect(try database()?["cache"]?["entries"]?.integer ?? 0 <= Int64(size))
    }
  }

  @Test("query_timeout: a statement is stopped after it, and a shorter one is not")
  func queryTimeout() throws {
    try spool.drop("r.json", #"{"sql":"\#(Self.slow)"}"#)
    try spool.drop("w.json", #"{"sql":"CREATE TABLE t AS \#(Self.slow)"}"#)
    try WorkerProcess.once(on: spool, ["--set", "query_timeout=0.01"])
    for name in ["r.json", "w.json"] {
      let result = try #require(try spool.parsedResult(name))
      #expect(result.errorCode == "SLUICE_TIMEOUT" && result.errorKind == "timeout")
      #expect(result["error"]?["message"]?.string?.contains("0.01 s") == true)
      #expect(result["attempts"]?.integer == 1)
    }
    try spool.drop("r.json", #"{"sql":"\#(Self.slow)"}"#)
    try spool.drop("w.json", #"{"sql":"CREATE TABLE t AS \#(Self.slow)"}"#)
    #expect(try WorkerProcess.once(on: spool, ["--set", "query_timeout=30"]).end == .exited(0))
  }

  @Test("monitoring_enabled: what statements and transactions do is written, or nothing of it")
  func monitoring() throws {
    var logged = 0
    for isOn in [true, false] {
      try spool.drop("a.json", #"{"sql":"CREATE TABLE IF NOT EXISTS t(a)"}"#)
      try WorkerProcess.once(on: spool, ["--set", "monitoring_enabled=\(isOn)"])
      let main = try database()
      #expect((main?["statements"] != nil) == isOn)
      #expect((main?["transactions"] != nil) == isOn)
      #expect(spool.names(spool.layout.monitor).contains("statements.json") == isOn)
      let lines = try spool.text(spool.layout.monitor, "transactions.jsonl") ?? ""
      // What the first one has logged stays.
      let count = lines.split(separator: "\n").count
      #expect(isOn ? count > 0 : count == logged)
      logged = count
      #expect(try spool.layout.monitor.contents("metrics.prom") != nil)
    }
  }

  @Test("monitoring_enabled: a lock that another process keeps is told without it, try after try")
  func lockWithoutMonitoring() throws {
    try spool.work("t.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    let worker = try started(
      "monitoring_enabled=false", "connection_timeout=0.2", "max_retries=1000")
    defer { worker.stop() }
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    try spool.drop("w.json", #"{"sql":"INSERT INTO t VALUES(1)"}"#)
    // Longer than one try: the wait goes on over all of them.
    let isTold = try eventually {
      let holdUp = try database()?["hold_ups"]?[0]
      return holdUp?["kind"]?.string == "lock" && holdUp?["seconds"]?.number ?? 0 > 0.5
        && holdUp?["text"]?.string?.contains("process \(getpid())") == true
    }
    #expect(isTold)
    #expect(try database()?["writer"]?.string == "waiting for lock")
    let text = try spool.text(spool.layout.monitor, "metrics.prom") ?? ""
    #expect(!text.contains("sluice_lock_waiting_seconds{database=\"main\"} 0\n"))
    try other.execute("ROLLBACK")
    #expect(try spool.awaitedResult("w.json").status == "done")
    #expect(try eventually { try database()?["writer"]?.string == "idle" })
    #expect(try database()?["hold_ups"]?.array?.isEmpty == true)
  }
}
