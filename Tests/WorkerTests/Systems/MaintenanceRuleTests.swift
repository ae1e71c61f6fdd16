import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// What the worker does by itself, and what a user sees of it.
@Suite("Maintenance by rule and by need") struct MaintenanceRuleTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func fill(_ table: String, rows: Int) throws {
    let connection = try Connection(path: spool.path + "/main.db", role: .writer)
    try connection.execute(
      """
      CREATE TABLE \(table)(id INTEGER PRIMARY KEY, a, b);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows))
      INSERT INTO \(table)(a, b) SELECT i, hex(randomblob(20)) FROM n
      """)
  }

  private func walBytes() throws -> Int64? {
    guard let metrics = try spool.layout.monitor.contents("metrics.json") else { return nil }
    let main = try JSONReader.parse(metrics)["databases"]?["main"]
    return main?["storage"]?["wal_bytes"]?.integer
  }

  private func statistics() throws -> [String] {
    try spool.lines("SELECT stat FROM sqlite_stat1 WHERE idx = 't_a'")
  }

  @Test("optimize makes the planner's statistics, and anew only when enough has changed")
  func optimize() throws {
    try fill("t", rows: 5000)
    try spool.work("i.json", #"{"sql":"CREATE INDEX t_a ON t(a)"}"#)
    try withMaintenance("optimize", "changed = 0.5") { tells in
      #expect(try tells("optimize is done"))
      let first = try statistics()
      #expect(first.count == 1)
      #expect(try tells("optimize was not needed"))
      let before = try ends("optimize is done")
      try spool.drop("few.json", #"{"sql":"DELETE FROM t WHERE id <= 1000"}"#)
      #expect(try spool.awaitedResult("few.json").status == "done")
      let unneeded = try ends("optimize was not needed")
      let stays = try eventually { try ends("optimize was not needed") >= unneeded + 2 }
      #expect(stays)
      #expect(try ends("optimize is done") == before)
      try spool.drop("many.json", #"{"sql":"DELETE FROM t WHERE id <= 3000"}"#)
      #expect(try spool.awaitedResult("many.json").status == "done")
      let isRenewed = try eventually { try ends("optimize is done") > before }
      #expect(isRenewed)
      #expect(try statistics() != first)
    }
  }

  @Test("analyze counts all of each index, at each time that its rule says")
  func analyze() throws {
    try fill("t", rows: 3000)
    try spool.work("i.json", #"{"sql":"UPDATE t SET a = a % 3; CREATE INDEX t_a ON t(a)"}"#)
    try withMaintenance("analyze") { tells in
      #expect(try tells("analyze is done"))
      #expect(try statistics() == ["3000 1000"])
      try spool.drop("d.json", #"{"sql":"DELETE FROM t WHERE a = 0"}"#)
      let isCounted = try eventually { try statistics() == ["2000 1000"] }
      #expect(isCounted)
    }
  }

  @Test("checkpoint empties the log while the worker runs")
  func checkpoint() throws {
    try fill("t", rows: 10)
    try withMaintenance("checkpoint") { tells in
      try spool.drop("w.json", #"{"sql":"INSERT INTO t(b) VALUES(zeroblob(100000))"}"#)
      #expect(try spool.awaitedResult("w.json").status == "done")
      let isEmpty = try eventually { try walBytes() == 0 }
      #expect(isEmpty)
      #expect(try tells("checkpoint is done"))
    }
  }

  @Test("wal_limit bounds the log")
  func walLimit() throws {
    try fill("t", rows: 10)
    let worker = try WorkerProcess.started(
      on: spool, ["--set", "monitor_interval=0.1", "--set", "wal_limit=1048576"])
    defer { worker.stop() }
    for number in 0..<30 {
      let name = "w\(number).json"
      try spool.drop(name, #"{"sql":"INSERT INTO t(b) VALUES(zeroblob(100000))"}"#)
      #expect(try spool.awaitedResult(name).status == "done")
    }
    let isBound = try eventually { try walBytes() ?? .max < 1_100_000 }
    #expect(isBound)
  }

  @Test("integrity_check says what is wrong with a database")
  func integrityCheck() throws {
    try fill("t", rows: 10)
    let file = spool.path + "/main.db"
    let connection = try Connection(path: file, role: .writer)
    try connection.execute("CREATE INDEX t_a ON t(a)")
    try connection.checkpoint(.truncate)
    let root = try spool.lines("SELECT rootpage FROM sqlite_schema WHERE name = 't_a'")
    let page = try #require(root.first.flatMap { Int64($0) })
    // The index's entries; the head of its page stays.
    let descriptor = open(file, O_WRONLY)
    let damage = [UInt8](repeating: 0xFF, count: 30)
    #expect(pwrite(descriptor, damage, damage.count, off_t(page * 4096) - 30) == 30)
    close(descriptor)
    try withMaintenance("integrity_check") { _ in
      let failure = try spool.awaitedEvent("maintenance_failed")
      #expect(failure?["database"]?.string == "main")
      #expect(failure?["text"]?.string?.hasPrefix("integrity_check failed: ") == true)
    }
  }

  @Test("maintenance by rule gives way to an urgent job, is tried again, and done in the end")
  func givesWay() throws {
    try fill("t", rows: 400_000)
    let config = spool.path + "/sluice.toml"
    try spool.layout.root.create("sluice.toml").write(
      Array("[[maintenance]]\ntask = \"vacuum\"\nevery = 1\n".utf8))
    let worker = try WorkerProcess.started(
      on: spool, ["--config", config, "--set", "monitor_interval=0.1"])
    defer { worker.stop() }
    var number = 0
    var gaveWay = false
    _ = try eventually(within: 60) {
      guard let bytes = try spool.layout.monitor.contents("metrics.json") else { return false }
      let holdUps = try JSONReader.parse(bytes)["databases"]?["main"]?["hold_ups"]?.array ?? []
      guard holdUps.contains(where: { $0["text"]?.string?.hasPrefix("vacuum") == true }) else {
        return false
      }
      number += 1
      try spool.drop("u\(number).json", #"{"sql":"INSERT INTO t(a) VALUES(0)"}"#, lane: .urgent)
      _ = try spool.awaitedResult("u\(number).json")
      gaveWay =
        try spool.text(spool.layout.monitor, "events.jsonl")?.contains("maintenance_gave_way")
        ?? false
      return gaveWay
    }
    #expect(gaveWay)
    #expect(try spool.awaitedEvent("maintenance_done")?["text"]?.string == "vacuum is done")
    #expect(try spool.lines("PRAGMA integrity_check") == ["ok"])
  }

  @Test("a vacuum is done only where enough is free, an incremental one frees it piece by piece")
  func byNeed() throws {
    let connection = try Connection(path: spool.path + "/main.db", role: .writer)
    try connection.execute("PRAGMA auto_vacuum=INCREMENTAL; VACUUM")
    try fill("t", rows: 50_000)
    try withMaintenance("vacuum", "free = 0.5") { tells in
      #expect(try tells("vacuum was not needed"))
      try spool.drop("d.json", #"{"sql":"DELETE FROM t WHERE id > 1000"}"#)
      #expect(try spool.awaitedResult("d.json").status == "done")
      #expect(try tells("vacuum is done"))
    }
    #expect(try spool.lines("PRAGMA freelist_count") == ["0"])
    try spool.work("more.json", #"{"sql":"DELETE FROM t WHERE id > 10"}"#)
    #expect(try spool.lines("PRAGMA freelist_count") != ["0"])
    try withMaintenance("incremental_vacuum") { tells in
      #expect(try tells("incremental_vacuum is done"))
      let isEmpty = try eventually { try spool.lines("PRAGMA freelist_count") == ["0"] }
      #expect(isEmpty)
    }
  }

  /// Runs a worker with one rule; `body` asks it whether an event tells something.
  private func withMaintenance(
    _ task: String, _ more: String = "", _ body: ((String) throws -> Bool) throws -> Void
  ) throws {
    let config = spool.path + "/sluice.toml"
    try spool.layout.root.create("sluice.toml").write(
      Array("[[maintenance]]\ntask = \"\(task)\"\nevery = 1\n\(more)\n".utf8))
    let worker = try WorkerProcess.started(
      on: spool, ["--config", config, "--set", "monitor_interval=0.1"])
    defer { worker.stop() }
    try body { text in
      try eventually {
        try spool.text(spool.layout.monitor, "events.jsonl")?.contains("\"\(text)\"") ?? false
      }
    }
  }

  /// How many events tell it.
  private func ends(_ text: String) throws -> Int {
    let events = try spool.text(spool.layout.monitor, "events.jsonl") ?? ""
    return events.split(separator: "\n").count { $0.contains("\"\(text)\"") }
  }
}
