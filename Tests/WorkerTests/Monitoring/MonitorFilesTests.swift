import Foundation
import Glibc
import JSON
import Spool
import TestSupport
import Testing

@Suite("The monitor files") struct MonitorFilesTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func json(_ name: String) throws -> JSONNode? {
    try spool.layout.monitor.contents(name).map { try JSONReader.parse($0) }
  }

  private func lines(_ name: String) throws -> [JSONNode] {
    let bytes = try spool.layout.monitor.contents(name) ?? []
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONReader.parse($0) }
  }

  private func metrics() throws -> PrometheusText {
    try PrometheusText(try #require(try spool.text(spool.layout.monitor, "metrics.prom")))
  }

  private func find(_ node: JSONNode?, _ path: String) -> JSONNode? {
    path.split(separator: "/").reduce(node) { node, key in
      Int(key).map { node?[$0] } ?? node?[String(key)]
    }
  }

  /// Twenty jobs of all kinds in all lanes, and one directory that does not belong there.
  private func dropJobs() throws {
    try spool.drop("a.json", #"{"sql":"CREATE TABLE t(a UNIQUE,b)"}"#, lane: .urgent)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    for number in 1...12 {
      let lane: IncomingLane = [.high, .normal, .low][number % 3]
      try spool.drop(
        "w\(number).json", #"{"sql":"INSERT INTO t VALUES(?,?)","params":[\#(number),"x"]}"#,
        lane: lane)
    }
    for number in 1...4 {
      try spool.drop("r\(number).json", #"{"sql":"SELECT a FROM t WHERE a = \#(number)"}"#)
    }
    try spool.drop(
      "f.json",
      #"{"statements":[{"sql":"INSERT INTO t VALUES(99,1)"},"#
        + #"{"sql":"INSERT INTO t VALUES(99,2)"}]}"#, lane: .bulk)
    try spool.drop("b.json", "{")
    mkdir(spool.layout.incoming(.root).path + "/stray", 0o755)
  }

  @Test("tell exactly what was done")
  func counters() throws {
    try dropJobs()
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    let document = try #require(try json("metrics.json"))
    #expect(find(document, "state")?.string == "stopped")
    #expect(find(document, "jobs/done")?.integer == 16)
    #expect(find(document, "jobs/failed")?.integer == 1)
    #expect(find(document, "jobs/rejected")?.integer == 1)
    #expect(find(document, "jobs/unfinished")?.integer == 0)
    #expect(find(document, "incoming/directories")?.integer == 1)
    #expect(find(document, "lanes/bulk/duration/count")?.integer == 1)
    #expect(find(document, "lanes/normal/duration/count")?.integer == 9)
    #expect(find(document, "databases/main/statements/changes")?.integer == 13)
    #expect(find(document, "databases/main/statements/errors")?.integer == 1)
    #expect(find(document, "databases/main/transactions/jobs")?.integer == 13)
    let samples = try metrics().samples
    #expect(samples[#"sluice_jobs_total{status="done"}"#] == 16)
    #expect(samples[#"sluice_jobs_total{status="failed"}"#] == 1)
    #expect(samples["sluice_incoming_directories"] == 1)
    #expect(samples[#"sluice_transaction_jobs_total{database="main"}"#] == 13)
    #expect(samples[#"sluice_statements_total{database="main"}"#] == 18)
    #expect(samples[#"sluice_job_duration_seconds_count{lane="high"}"#] == 4)
    #expect(samples[#"sluice_job_duration_seconds_bucket{lane="high",le="+Inf"}"#] == 4)
    let statements = try #require(find(try json("statements.json"), "statements")?.array)
    let insert = statements.first { $0["statement"]?.string == "insert into t values(?, ?)" }
    #expect(insert?["count"]?.integer == 14)
    #expect(insert?["changes"]?.integer == 13)
  }

  @Test("list every transaction with its commit, and the worker's starts and stops")
  func logs() throws {
    try dropJobs()
    try WorkerProcess.once(on: spool)
    let transactions = try lines("transactions.jsonl")
    #expect(transactions.reduce(0) { $0 + ($1["jobs"]?.integer ?? 0) } == 14)
    let commits = transactions.compactMap { $0["commit"]?.integer }
    #expect(commits == commits.sorted() && Set(commits).count == commits.count)
    let events = try lines("events.jsonl").compactMap { $0["event"]?.string }
    #expect(events == ["worker_started", "worker_stopped", "worker_started", "worker_stopped"])
  }

  @Test("a slow statement is listed with its plan")
  func slow() throws {
    try spool.drop(
      "s.json",
      #"{"sql":"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<100000)"#
        + #" SELECT max(x) FROM c"}"#)
    try WorkerProcess.once(on: spool, ["--set", "slow_query=0.001"])
    let slow = try lines("slow.jsonl").first { $0["job"]?.string == "s.json" }
    #expect(slow?["seconds"]?.number ?? 0 > 0.001)
    #expect(slow?["rows"]?.integer == 1)
    #expect(slow?["plan"]?.array?.isEmpty == false)
  }

  @Test("the heart of an idle worker beats, and the files are replaced, never rewritten")
  func heartbeat() throws {
    let worker = try WorkerProcess.started(on: spool, ["--set", "heartbeat=0.1"])
    defer { worker.stop() }
    var beats: Set<String> = []
    let beat = try eventually {
      guard let beat = try json("metrics.json")?["heartbeat"]?.string else { return false }
      beats.insert(beat)
      return beats.count >= 4
    }
    #expect(beat)
    #expect(try metrics().samples["sluice_heartbeat_timestamp_seconds"] ?? 0 > 1.7e9)
  }

  @Test("the page needs nothing beside it, and what jobs are called cannot change it")
  func page() throws {
    try spool.drop("p.json", #"{"sql":"SELECT '<script>' AS \"<b>\""}"#)
    try WorkerProcess.once(on: spool)
    let page = try #require(try spool.text(spool.layout.monitor, "status.html"))
    #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
    #expect(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="))
    #expect(!page.contains("<b>\"") && page.contains("&lt;b&gt;"))
  }

  @Test("metrics.prom is readable for a collector, whatever the umask; the others are not")
  func modes() throws {
    try WorkerProcess.once(on: spool)
    func mode(_ name: String) -> mode_t {
      var status = stat()
      lstat(spool.layout.monitor.path + "/" + name, &status)
      return status.st_mode & 0o777
    }
    #expect(mode("metrics.prom") == 0o644)
    for name in ["metrics.json", "statements.json", "status.html", "events.jsonl"] {
      #expect(mode(name) == 0o640, "\(name)")
    }
    #expect(spool.names(spool.layout.monitor, hidden: true).allSatisfy { !$0.hasPrefix(".") })
  }

  @Test("without monitoring only the heartbeat, the jobs and the queues are written")
  func off() throws {
    try WorkerProcess.once(on: spool)
    #expect(spool.names(spool.layout.monitor).contains("status.html"))
    try dropJobs()
    try WorkerProcess.once(on: spool, ["--set", "monitoring_enabled=false"])
    let document = try #require(try json("metrics.json"))
    #expect(find(document, "monitoring")?.bool == false)
    #expect(find(document, "jobs/done")?.integer == 16)
    #expect(find(document, "databases/main/lanes/urgent/waiting")?.integer == 0)
    #expect(find(document, "databases/main/statements") == nil)
    #expect(find(document, "resources") == nil)
    let samples = try metrics().samples
    #expect(samples["sluice_heartbeat_timestamp_seconds"] != nil)
    #expect(samples[#"sluice_statements_total{database="main"}"#] == nil)
    let names = spool.names(spool.layout.monitor)
    #expect(!names.contains("status.html") && !names.contains("statements.json"))
  }

  @Test("what is paused and what waits for it is told")
  func paused() throws {
    try spool.drop("p.json", #"{"control":"pause","priority":"low"}"#, lane: .control)
    let worker = try WorkerProcess.started(on: spool, ["--set", "monitor_interval=0.1"])
    defer { worker.stop() }
    let isPaused = try eventually { try spool.result("p.json") != nil }
    #expect(isPaused)
    try spool.drop("w.json", #"{"sql":"CREATE TABLE t(a)"}"#, lane: .low)
    let isTold = try eventually { find(try json("metrics.json"), "jobs/held")?.integer == 1 }
    #expect(isTold)
    let document = try json("metrics.json")
    #expect(find(document, "paused/0")?.string == "priority low")
    #expect(find(document, "lanes/low/paused")?.bool == true)
    #expect(find(document, "lanes/high/paused")?.bool == false)
  }

  @Test("reads that the cache answered are counted as hits, not as runs")
  func cached() throws {
    try spool.drop("a.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    let worker = try WorkerProcess.started(on: spool)
    #expect(try eventually { try spool.result("a.json") != nil })
    for number in 1...5 {
      try spool.drop("r\(number).json", #"{"sql":"SELECT a FROM t","cache":60}"#)
      #expect(try eventually { try spool.result("r\(number).json") != nil })
    }
    #expect(worker.stop() == .exited(0))
    let hits = try #require(find(try json("metrics.json"), "databases/main/cache/hits")?.integer)
    #expect(hits >= 3)
    let statements = try #require(find(try json("statements.json"), "statements")?.array)
    let select = statements.first { $0["statement"]?.string == "select a from t" }
    #expect(select?["cache_hits"]?.integer == hits)
    #expect(select?["count"]?.integer == 5 - hits)
    #expect(try metrics().samples[#"sluice_cache_hits_total{database="main"}"#] == Double(hits))
  }

  @Test("statements of scripts and lines of batches are counted like those of jobs")
  func streamed() throws {
    try spool.drop("a.sql", "CREATE TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2);")
    try WorkerProcess.once(on: spool)
    #expect(find(try json("metrics.json"), "databases/main/statements/count")?.integer == 3)
    #expect(find(try json("metrics.json"), "databases/main/statements/changes")?.integer == 2)
    #expect(find(try json("metrics.json"), "databases/main/transactions/jobs")?.integer == 1)
    try spool.drop(
      "b.jsonl", "{\"sql\":\"INSERT INTO t VALUES(?)\",\"params\":[1]}\n[2]\n[3]\n")
    try WorkerProcess.once(on: spool)
    #expect(find(try json("metrics.json"), "databases/main/statements/count")?.integer == 3)
    // One for each chunk, of which a slow machine makes several.
    let chunks = find(try json("metrics.json"), "databases/main/transactions/jobs")?.integer
    #expect((1...3).contains(chunks ?? 0))
  }

  @Test("and each field and metric stands in the reference")
  func reference() throws {
    try spool.drop("a.json", #"{"sql":"CREATE TABLE t(a); INSERT INTO t VALUES(1)"}"#)
    try spool.drop("b.json", #"{"sql":"SELECT a FROM t","cache":60}"#)
    try WorkerProcess.once(on: spool, ["--set", "slow_query=0.001"])
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Sources/Sluice/Sluice.docc/Monitoring.md")
    let page = try String(contentsOf: root, encoding: .utf8)
    var documents = try lines("transactions.jsonl") + lines("events.jsonl") + lines("slow.jsonl")
    for name in ["metrics.json", "statements.json"] {
      documents.append(try #require(try json(name)))
    }
    var names = documents.reduce(into: Set<String>()) { Self.addNames(in: $1, &$0) }
    let metrics = try spool.text(spool.layout.monitor, "metrics.prom") ?? ""
    for line in metrics.split(separator: "\n") where line.hasPrefix("# TYPE ") {
      names.insert(String(line.split(separator: " ")[2]))
    }
    // What stands between backquotes: `waits`, `lanes.LANE`, `{"omitted":N}`.
    let code = page.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
    let known = code.flatMap { $0.split { !$0.isLetter && !$0.isNumber && $0 != "_" } }
    // A directory and a database have names of their own.
    #expect(names.subtracting(known.map(String.init)).subtracting(["control", "main"]).isEmpty)
    #expect(names.count > 150)
  }

  private static func addNames(in node: JSONNode, _ names: inout Set<String>) {
    for member in node.object ?? [] {
      names.insert(member.key)
      addNames(in: member.node, &names)
    }
    for element in node.array ?? [] { addNames(in: element, &names) }
  }

  @Test("a log that is full becomes .1 and a new one begins")
  func rotation() throws {
    let monitor = spool.layout.monitor
    try monitor.append(Array("one\n".utf8), to: "x.jsonl", rotatingAt: 6)
    try monitor.append(Array("two\n".utf8), to: "x.jsonl", rotatingAt: 6)
    try monitor.append(Array("three\n".utf8), to: "x.jsonl", rotatingAt: 6)
    #expect(try spool.text(monitor, "x.jsonl.1") == "one\ntwo\n")
    #expect(try spool.text(monitor, "x.jsonl") == "three\n")
  }
}
