import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

@Suite("sluice status and sluice top") struct StatusCommandTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func run(_ command: String, _ arguments: String...) throws -> SluiceProcess {
    try SluiceProcess.run([command, "--spool", spool.path] + arguments)
  }

  @Test("say of a spool without a worker that none runs")
  func nobody() throws {
    #expect(try run("status").output.contains("not running"))
    #expect(try run("top").output.contains("not running"))
    let answer = try JSONReader.parse(Array(try run("status", "--json").output.utf8))
    #expect(answer["worker"]?["alive"]?.bool == false)
  }

  @Test("name who holds the lock that an urgent job waits for, while it waits")
  func holdUp() throws {
    let worker = try WorkerProcess.started(on: spool, ["--set", "monitor_interval=0.1"])
    defer { worker.stop() }
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("BEGIN IMMEDIATE")
    try spool.drop("u.json", #"{"sql":"CREATE TABLE t(a)"}"#, lane: .urgent)
    let isNamed = try eventually {
      try run("status").output.contains("process \(getpid())")
    }
    #expect(isNamed)
    let status = try run("status")
    #expect(status.output.contains("holds the write lock"))
    #expect(status.output.contains("waiting for lock"))
    let answer = try JSONReader.parse(Array(try run("status", "--json").output.utf8), verbatim: [])
    #expect(answer["worker"]?["alive"]?.bool == true)
    #expect(answer["metrics"]?["lanes"]?["urgent"]?["waiting"]?.integer == 1)
    try other.execute("ROLLBACK")
    let goesOn = try eventually { try spool.result("u.json") != nil }
    #expect(goesOn)
    let isOver = try eventually { try !run("status").output.contains("holds the write lock") }
    #expect(isOver)
  }

  @Test("tell a worker that hangs from one that is idle")
  func hangs() throws {
    let worker = try WorkerProcess.started(on: spool)
    let beats = try eventually { try spool.layout.monitor.contents("metrics.json") != nil }
    #expect(beats)
    #expect(try run("status").output.contains("running, pid"))
    // As if its last heartbeat were an hour old.
    let text = try #require(try spool.text(spool.layout.monitor, "metrics.json"))
    let old = text.replacing(#/"heartbeat":"[^"]*"/#, with: #""heartbeat":"2026-01-01T00:00:00Z""#)
    try spool.layout.monitor.replace("metrics.json", with: Array(old.utf8))
    #expect(try run("status").output.contains("hangs"))
    worker.stop()
  }

  @Test("top shows once, and plainly, where its output is no terminal")
  func top() throws {
    try spool.drop("a.json", #"{"sql":"CREATE TABLE t(a)"}"#)
    let worker = try WorkerProcess.started(on: spool, ["--set", "monitor_interval=0.1"])
    defer { worker.stop() }
    // The statement may be in a version in which its job has not ended yet.
    let isShown = try eventually {
      let output = try run("top").output
      return output.contains("create table t(a)") && output.contains("1 done")
    }
    #expect(isShown)
    let top = try run("top")
    #expect(!top.output.contains("\u{1b}"))
    #expect(top.output.contains("1 done"))
    let json = try JSONReader.parse(Array(try run("top", "--json").output.utf8), verbatim: [])
    #expect(json["statements"]?["statements"]?[0]?["count"]?.integer == 1)
  }
}
