import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Kills within a batch") struct BatchKillTests {
    @Test("a batch goes on where its last chunk was committed: every line once, in its order")
    func shortBatch() async throws { try await killed(lines: 5_000, kills: 10) }

    @Test(
      "so does a long one, through many kills",
      .enabled(if: getenv("SLUICE_LONG_TESTS") != nil, "set SLUICE_LONG_TESTS: it takes minutes"))
    func longBatch() async throws { try await killed(lines: 100_000, kills: 50) }

    @Test(
      "whatever it had published when it was killed, the results of its lines and what is left are whole",
      arguments: ["begun:1", "committed:1", "published:1", "published:2", "settled:1"])
    func seams(crashAt: String) throws {
      let spool = try TemporarySpool()
      try spool.drop("b.jsonl", Self.batch(lines: 50))
      try WorkerProcess.once(on: spool, crashAt: crashAt)
      try WorkerProcess.once(on: spool)
      try Self.check(spool, lines: 50)
    }

    private func killed(lines: Int, kills: Int) async throws {
      let given = getenv("SLUICE_SEED").flatMap { UInt64(String(cString: $0)) }
      let seed = given ?? UInt64.random(in: 0...UInt64.max)
      print("kills within a batch: SLUICE_SEED=\(seed)")
      let spool = try TemporarySpool()
      try await onOwnThread {
        var random = SeededGenerator(seed: seed)
        try spool.drop("b.jsonl", Self.batch(lines: lines))
        var killed = 0
        while killed < kills {
          // It has to get further from time to time: three deaths in one chunk are its end.
          let before = try Self.chunks(spool)
          let worker = try WorkerProcess(spool)
          _ = try eventually { try worker.child.end != nil || Self.chunks(spool) > before }
          _ = worker.child.wait(within: Double.random(in: 0...0.02, using: &random))
          if spool.names(spool.layout.results).contains("b.jsonl.json") { killed = kills }
          worker.kill()
          killed += 1
        }
        try WorkerProcess.once(on: spool, within: 300)
      }
      try Self.check(spool, lines: lines)
    }

    /// Lines of all kinds; every 97th has an id, every 101st is wrong.
    private static func batch(lines: Int) -> String {
      var text = #"{"sluice":{"sql":"INSERT INTO t VALUES(?)"}}"# + "\n"
      text += #"{"sql":"CREATE TABLE t(a)"}"# + "\n"
      text += #"{"sql":"INSERT INTO t VALUES(?)","params":[0]}"#
      for number in 1...lines {
        if number % 101 == 0 {
          text += "\n[1,2]"
        } else if number % 97 == 0 {
          text += "\n{\"id\":\"\(number)\",\"params\":[\(number)]}"
        } else {
          text += "\n[\(number)]"
        }
      }
      return text
    }

    private static func chunks(_ spool: TemporarySpool) throws -> Int64 {
      // The table may not be there yet, or its database.
      ((try? spool.number("SELECT count(*) FROM _sluice_chunks")) ?? nil) ?? 0
    }

    private static func check(_ spool: TemporarySpool, lines: Int) throws {
      let good = (0...lines).filter { $0 == 0 || $0 % 101 != 0 }
      let rows = try spool.query("SELECT a FROM t ORDER BY rowid", columns: 1).map { $0[0] }
      #expect(rows == good.map { .integer(Int64($0)) })
      let totals = try #require(try spool.parsedResult("b.jsonl.json"))
      #expect(totals.errorCode == "SLUICE_LINES" || lines < 101)
      #expect(totals["lines"]?["total"]?.integer == Int64(lines + 2))
      #expect(totals["lines"]?["done"]?.integer == Int64(good.count + 1))
      let results = try #require(try spool.result("b.jsonl")).split(separator: "\n")
      let numbers = try results.map { try JSONReader.parse(Array($0.utf8))["line"]?.integer }
      #expect(numbers == (2...(lines + 3)).map { Int64($0) })
      let left = try spool.text(spool.layout.failed, "b.jsonl")?.split(separator: "\n") ?? []
      #expect(left.count == (lines < 101 ? 0 : lines / 101 + 1))
      #expect(spool.activeJobs == [])
    }
  }
}
