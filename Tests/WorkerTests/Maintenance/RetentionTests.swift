import Glibc
import SQLite
import Spool
import TestSupport
import Testing

@testable import SluiceWorker

@Suite("Retention") struct RetentionTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func put(_ name: String, daysOld days: Double, in directory: Directory) throws {
    try directory.create(name).write(Array(name.utf8))
    try age(name, days, in: directory)
  }

  private func age(_ name: String, _ days: Double, in directory: Directory) throws {
    let time = timespec(tv_sec: Int(Double(Glibc.time(nil)) - days * 86_400), tv_nsec: 0)
    try #require(utimensat(directory.descriptor, name, [time, time], 0) == 0)
  }

  private func sweep(days: Double = 7) throws -> Int {
    var sweep = try RetentionSweep(spool.layout, retention: days * 86_400)
    while try sweep.step(3) {}
    return sweep.removed
  }

  @Test("an old result goes with its rows and lines; young ones and what is no result stay")
  func results() throws {
    let old = [
      "a.json", "a.rows.csv", "b.json", "b.rows.jsonl", "c.jsonl", "c.jsonl.json", "d.sql.json",
      "orphan.rows.csv", "gone.jsonl",
    ]
    for name in old + ["backup.db"] { try put(name, daysOld: 8, in: spool.layout.results) }
    try put("failed.json", daysOld: 99, in: spool.layout.failed)
    let young = ["e.json", "e.rows.csv", "f.jsonl", "f.jsonl.json"]
    for name in young { try put(name, daysOld: 6, in: spool.layout.results) }
    #expect(try sweep() == 6)
    #expect(spool.names(spool.layout.results, hidden: true) == ["backup.db"] + young)
    #expect(spool.names(spool.layout.failed) == ["failed.json"])
  }

  @Test("rows stay as long as their result, whatever their own age")
  func youngResult() throws {
    try put("a.json", daysOld: 1, in: spool.layout.results)
    try put("a.rows.csv", daysOld: 30, in: spool.layout.results)
    try put("b.json", daysOld: 30, in: spool.layout.results)
    try put("b.rows.csv", daysOld: 0, in: spool.layout.results)
    #expect(try sweep() == 1)
    #expect(spool.names(spool.layout.results) == ["a.json", "a.rows.csv", "b.rows.csv"])
  }

  @Test("no retention removes a result within its first minute")
  func shortest() throws {
    try put("a.json", daysOld: 30.0 / 86_400, in: spool.layout.results)
    #expect(try sweep(days: 1e-9) == 0)
  }

  @Test("a worker prunes and maintains by its rules, tells it, and follows changed ones")
  func worker() throws {
    let config = spool.path + "/sluice.toml"
    let rule = "[[maintenance]]\nevery = 1\ntask = "
    func configure(_ text: String) throws {
      try spool.layout.root.create("sluice.toml").write(Array(text.utf8))
    }
    try configure("result_retention = 0\n\(rule)\"optimize\"\n")
    try put("old.json", daysOld: 8, in: spool.layout.results)
    let worker = try WorkerProcess.started(
      on: spool, ["--config", config, "--set", "monitor_interval=0.1"])
    func hasEvent(_ text: String) throws -> Bool {
      try eventually {
        try spool.text(spool.layout.monitor, "events.jsonl")?.contains(text) ?? false
      }
    }
    #expect(try hasEvent(#""maintenance_done","database":"main","text":"optimize is done""#))
    #expect(try spool.result("old.json") != nil)
    try configure("\(rule)\"prune\"\n\(rule)\"integrity_check\"\n")
    worker.child.send(SIGHUP)
    #expect(try hasEvent(#""text":"prune is done""#))
    #expect(try hasEvent(#""text":"integrity_check is done""#))
    #expect(try spool.result("old.json") == nil)
    #expect(worker.child.errors.contains("maintenance of main: prune is done"))
    #expect(worker.stop() == .exited(0))
  }

  @Test("the ledger forgets what is older than its retention, and no younger row")
  func ledger() throws {
    try spool.work("t.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    for name in ["a", "b", "c"] {
      try spool.work(name + ".json", #"{"id":"\#(name)","sql":"INSERT INTO t VALUES(1)"}"#)
    }
    let old = (Int64(time(nil)) - 8 * 86_400) * 1_000_000_000
    let writer = try Connection(path: spool.path + "/main.db", role: .writer)
    for table in ["_sluice_ledger", "_sluice_ids"] {
      try writer.execute(
        "UPDATE \(table) SET finished=\(old) WHERE finished<(SELECT max(finished) FROM \(table))")
    }
    let config = spool.path + "/sluice.toml"
    try spool.layout.root.create("sluice.toml").write(
      Array("[[maintenance]]\nevery = 1\ntask = \"prune\"\n".utf8))
    let worker = try WorkerProcess.started(on: spool, ["--config", config])
    #expect(try eventually { try spool.lines("SELECT count(*) FROM _sluice_ledger") == ["1"] })
    #expect(try eventually { try spool.lines("SELECT id FROM _sluice_ids") == ["c"] })
    worker.stop()
  }

  @Test("limits.script_statement_bytes bounds a statement of a script, and reads too")
  func scriptStatement() throws {
    let filler = String(repeating: "x", count: 2000)
    try spool.drop("w.sql", "CREATE TABLE t(a); INSERT INTO t VALUES('\(filler)');")
    try spool.drop("r.sql", "SELECT '\(filler)';")
    try spool.drop("s.sql", "SELECT 1;")
    try WorkerProcess.once(on: spool, ["--set", "limits.script_statement_bytes=1024"])
    for name in ["w.sql", "r.sql"] {
      #expect(try spool.parsedResult(name + ".json")?.code == "SLUICE_TOO_LARGE", "\(name)")
    }
    #expect(try spool.parsedResult("s.sql.json")?.status == "done")
  }
}
