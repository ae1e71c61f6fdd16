import Foundation
import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// What is promised, as far as one worker that nobody kills can show it; CrashTests have the rest.
@Suite("Protocol: what is promised") struct PromiseSentences {
  static let drops: [(name: String, text: String, lane: String, status: String)] = [
    ("done.json", #"{"sql":"SELECT 1"}"#, "", "done"),
    ("write.json", #"{"sql":"CREATE TABLE w(a)"}"#, "urgent/", "done"),
    ("failed.json", #"{"sql":"SELECT nothing"}"#, "high/", "failed"),
    ("rejected.json", "{}", "normal/", "rejected"),
    ("empty.json", "", "low/", "rejected"),
    ("expired.json", #"{"sql":"CREATE TABLE x(a)","expires":0}"#, "bulk/", "expired"),
    ("script.sql", "CREATE TABLE s(a);", "", "done"),
    ("bad.sql", "CREATE TABL s(a);", "", "failed"),
    ("batch.jsonl", "{\"sql\":\"SELECT 1\"}\n", "low/", "done"),
    ("lines.jsonl", "{}\n", "low/", "failed"),
    ("pause.json", #"{"control":"checkpoint"}"#, "control/", "done"),
    ("job.json", #"{"sql":"SELECT 1"}"#, "control/", "rejected"),
    ("above.json", #"{"sql":"SELECT 1","priority":"urgent"}"#, "low/", "rejected"),
    ("import.json", #"{"import":{"file":"none.csv","table":"t"}}"#, "", "failed"),
    ("after.json", #"{"sql":"SELECT 1","after":["failed.json"]}"#, "", "failed"),
    ("none.json", #"{"sql":"SELECT 1","database":"none"}"#, "", "rejected"),
    ("wrong name.json", "{}", "", "rejected"), ("x.txt", "text", "high/", "rejected"),
    ("x.sql.json", "{}", "", "rejected"),
  ]

  @Test(
    "4: no job is lost silently: every file that leaves incoming/ ends with a result, and in failed/ if it is not done"
  )
  func results() throws {
    let spool = try TemporarySpool()
    for (name, text, lane, _) in Self.drops { try spool.put(text, at: "incoming/" + lane + name) }
    let end = try WorkerProcess.once(on: spool)
    #expect(end.end == .exited(1))
    #expect(spool.incomingFiles.isEmpty && spool.activeJobs.isEmpty)
    let results = spool.files("results").filter { $0.hasSuffix(".json") }
    #expect(results.count == Self.drops.count, "\(results)")
    let failed = spool.files("failed")
    #expect(failed.count == Self.drops.filter { $0.status != "done" }.count, "\(failed)")
    for (name, _, _, status) in Self.drops {
      let clean =
        results.first { $0 == name || $0 == name + ".json" }
        ?? results.first { $0.hasPrefix(name.replacing(" ", with: "%20")) && $0.contains("~") }
      let result = try #require(clean.flatMap { try? spool.parsedResult($0) }, "\(name)")
      #expect(result.status == status, "\(name)")
      #expect(
        (result.commit != nil)
          == (status == "done" && ["write.json", "script.sql", "batch.jsonl"].contains(name))
          || name == "lines.jsonl", "\(name)")
    }
  }

  @Test("6: a cached result is never stale, also when another process writes to the database")
  func cache() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a); INSERT INTO t VALUES(0)")
    let foreign = try Connection(path: live.spool.path + "/main.db", role: .writer)
    let read = #"{"sql":"SELECT a FROM t","cache":1000}"#
    var hits = 0
    for number in 0..<30 {
      if number % 3 == 1 { try foreign.execute("UPDATE t SET a=\(number)") }
      if number % 3 == 2 { try live.make("UPDATE t SET a=\(number)") }
      let expected = Int64(number)
      for _ in 0..<2 where number % 3 > 0 {
        let result = try live.run("r.json", read)
        #expect(result.firstValue?.integer == expected)
        if result["cached"]?.bool == true { hits += 1 }
      }
    }
    #expect(hits > 0)
  }

  private func peak(_ live: LiveSpool) -> Int {
    let status = try? String(
      contentsOfFile: "/proc/\(live.worker.child.pid)/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? .max
  }

  @Test(
    "7: the worker's memory does not grow with a job file, an import, a result or the backlog",
    .enabled(if: isMemoryOwn, "a sanitizer takes memory of its own"))
  func memory() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a, b)")
    let (row, count) = (String(repeating: "x", count: 1000), 40_000)
    // Everything once in small, so that what is taken once is taken.
    for (suffix, count) in [("small", 4000), ("large", count)] {
      let before = suffix == "large" ? peak(live) : 0
      let script = String(repeating: "INSERT INTO t VALUES(1,'\(row)');\n", count: count)
      #expect(try live.run("\(suffix).sql", script).status == "done")
      let batch =
        "{\"sluice\":{\"sql\":\"INSERT INTO t VALUES(2,?)\"}}\n"
        + String(repeating: "[\"\(row)\"]\n", count: count)
      #expect(try live.run("\(suffix).jsonl", batch).status == "done")
      try live.spool.put(
        "a,b\n" + String(repeating: "3,\(row)\n", count: count), at: "data/\(suffix).csv")
      let load = #"{"import":{"file":"\#(suffix).csv","table":"t"}}"#
      #expect(try live.run("i-\(suffix).json", load)["imported"]?.integer == Int64(count))
      let read = #"{"sql":"SELECT * FROM t"}"#
      #expect(try live.run("r-\(suffix).json", read).status == "done")
      let export = #"{"sql":"SELECT * FROM t","result":{"format":"csv"}}"#
      #expect(try live.run("e-\(suffix).json", export).status == "done")
      if suffix == "large" {
        // Six files of 40 MB each.
        #expect(peak(live) - before < 40_000, "\(before) → \(peak(live)) KiB")
      }
    }
  }
}
