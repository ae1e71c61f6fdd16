import Glibc
import SQLite
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Killed imports") struct ImportKillTests {
    @Test("an import whose worker is killed again and again loads every row once")
    func everyRowOnce() throws { try killed(rows: 20_000, kills: 10, filling: 300) }

    @Test(
      "so does one of a million rows",
      .enabled(if: getenv("SLUICE_LONG_TESTS") != nil, "set SLUICE_LONG_TESTS: it takes minutes"))
    func millionRows() throws { try killed(rows: 1_000_000, kills: 20, filling: 20) }

    private func killed(rows: Int, kills: Int, filling length: Int) throws {
      let spool = try TemporarySpool()
      try spool.drop("table.json", #"{"sql":"CREATE TABLE t(a,b)"}"#)
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      var content = "a,b\n"
      // Long enough that there are more chunks than kills.
      let filling = String(repeating: "x", count: length)
      for row in 1...rows { content += "\(row),\(filling)\n" }
      try spool.layout.data.create("f.csv").write(Array(content.utf8))
      try spool.drop("x.json", #"{"id":"once","import":{"file":"f.csv","table":"t"}}"#)

      var left: [Int64] = []
      for kill in 0..<kills {
        let worker = try WorkerProcess(spool)
        // Each gets at least one chunk further, so that none is taken for poison, some more.
        var loaded = left.last ?? 0
        for _ in 0...(kill % 3) {
          let before = loaded
          _ = try eventually {
            loaded = try spool.number("SELECT count(*) FROM t") ?? 0
            return loaded > before || loaded == Int64(rows)
          }
        }
        worker.kill()
        left.append(try spool.number("SELECT count(*) FROM t") ?? 0)
      }
      #expect(left.contains { $0 > 0 && $0 < Int64(rows) }, "no kill met the import")
      let last = try WorkerProcess.once(on: spool, within: 300)
      #expect(last.end == .exited(0), "\(last.errors)")
      let result = try #require(try spool.parsedResult("x.json"))
      #expect(result["status"]?.string == "done")
      #expect(result["imported"]?.integer == Int64(rows))
      #expect(try spool.number("SELECT count(*) FROM t") == Int64(rows))
      #expect(try spool.number("SELECT count(DISTINCT a) FROM t") == Int64(rows))
      #expect(spool.activeJobs.isEmpty)
    }

    @Test("an import goes on after a boot that gave its file system another device number")
    func otherDevice() throws {
      let spool = try TemporarySpool()
      try spool.drop("table.json", #"{"sql":"CREATE TABLE t(a,b)"}"#)
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      let filling = String(repeating: "x", count: 300)
      let rows = 20_000
      let lines = (1...rows).map { "\($0),\(filling)\n" }
      try spool.layout.data.create("f.csv").write(Array(("a,b\n" + lines.joined()).utf8))
      try spool.drop("x.json", #"{"import":{"file":"f.csv","table":"t"}}"#)
      try WorkerProcess.once(on: spool, crashAt: "committed:2")
      let loaded = try spool.number("SELECT count(*) FROM t") ?? 0
      #expect(loaded > 0 && loaded < Int64(rows))
      let database = try Connection(path: spool.path + "/main.db", role: .writer)
      database.authorizer.subject = .engine
      try database.execute("UPDATE _sluice_imports SET device=device+1")
      try spool.forgetBoot()
      let last = try WorkerProcess.once(on: spool)
      #expect(last.end == .exited(0), "\(last.errors)")
      #expect(try spool.number("SELECT count(DISTINCT a) FROM t") == Int64(rows))
    }

    @Test(
      "an import that ended part-way is put away once, whenever its worker is killed",
      arguments: ["begun", "committed", "published"])
    func partWay(seam: String) throws {
      let spool = try TemporarySpool()
      try spool.drop("table.json", #"{"sql":"CREATE TABLE t(a PRIMARY KEY)"}"#)
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      try spool.layout.data.create("f.csv").write(Array("a\n1\n2\n2\n3\n".utf8))
      try spool.drop("x.json", #"{"import":{"file":"f.csv","table":"t"}}"#)
      try WorkerProcess.once(on: spool, crashAt: seam)
      #expect(try WorkerProcess.once(on: spool).end != nil)
      #expect(try spool.parsedResult("x.json")?["committed_through"]?.integer == 3)
      #expect(try spool.number("SELECT count(*) FROM t") == 2)
      #expect(
        try spool.text(spool.layout.failed, "x.json")
          == #"{"import":{"from_line":4,"file":"f.csv","table":"t"}}"#)
      #expect(spool.activeJobs.isEmpty)
    }
  }
}
