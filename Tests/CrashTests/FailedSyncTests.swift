#if DEBUG
  import Glibc
  import Spool
  import TestSupport
  import Testing

  extension CrashTests {
    /// A sync that fails may have lost the data, while what can be read still looks well.
    @Suite("After a failed sync") struct FailedSyncTests {
      private static let insert =
        #"{"sql":"CREATE TABLE IF NOT EXISTS effect(job); INSERT INTO effect VALUES('x')"}"#
      private static let fails = #"{"sql":"INSERT INTO nowhere VALUES(NULL)"}"#
      private static let read = #"{"sql":"SELECT 7"}"#
      /// Of a worker's syncs the first is that of its start.
      private static let onceOnly = "syncFileSystem:2:\(EIO)"
      private static let always = "syncFileSystem:2+:\(EIO)"

      private func lockText(_ spool: TemporarySpool) throws -> String {
        try spool.text(spool.layout.root, SpoolLayout.lockName) ?? ""
      }

      private func dropAll(on spool: TemporarySpool) throws {
        try spool.drop("a.json", Self.insert)
        try spool.drop("b.json", Self.fails)
        try spool.drop("c.json", Self.read)
        try spool.drop("d.jsonl", Self.insert + "\n" + Self.fails)
      }

      private func expectAll(_ spool: TemporarySpool) throws {
        #expect(try spool.parsedResult("a.json")?.status == "done")
        #expect(try spool.parsedResult("b.json")?.status == "failed")
        #expect(try spool.parsedResult("c.json")?.firstValue?.integer == 7)
        #expect(try spool.parsedResult("d.jsonl.json")?.status == "failed")
        #expect(try spool.number("SELECT count(*) FROM effect") == 2)
        #expect(spool.names(spool.layout.failed) == ["b.json", "d.jsonl"])
        #expect(spool.activeJobs.isEmpty && spool.incomingFiles.isEmpty)
      }

      @Test("the last results are written again, and the end is as clean as any")
      func mended() throws {
        let spool = try TemporarySpool()
        try spool.drop("a.json", Self.insert)
        let run = try WorkerProcess.once(on: spool, fault: Self.onceOnly)
        #expect(run.end == .exited(0), "\(run.errors)")
        #expect(run.errors.contains("results may not be durable"))
        #expect(try lockText(spool).contains("clean=1\ndoubt=0\n"))
        #expect(try spool.parsedResult("a.json")?.status == "done")
        #expect(try spool.number("SELECT count(*) FROM effect") == 1)
      }

      @Test("a running worker settles what it has written again, and runs reads once more")
      func running() throws {
        let spool = try TemporarySpool()
        let worker = try WorkerProcess(spool, environment: ["SLUICE_FAULT": Self.onceOnly])
        #expect(eventually { worker.isReady })
        try dropAll(on: spool)
        #expect(eventually { worker.child.errors.contains("results may not be durable") })
        #expect(
          try eventually { try spool.activeJobs.isEmpty && spool.parsedResult("c.json") != nil })
        #expect(try eventually { try lockText(spool).contains("clean=0\ndoubt=0\n") })
        #expect(worker.stop() == .exited(0))
        try expectAll(spool)
      }

      @Test(
        "an end whose last sync fails is not clean: the next start writes all results again",
        arguments: [false, true])
      func unclean(thenKilled: Bool) throws {
        let spool = try TemporarySpool()
        try dropAll(on: spool)
        let run = try WorkerProcess.once(on: spool, fault: Self.always)
        #expect(run.end == .exited(1), "\(run.errors)")
        #expect(try lockText(spool).contains("clean=0\ndoubt=1\n"))
        var whole: [String: String] = [:]
        for name in ["a.json", "b.json", "d.jsonl", "d.jsonl.json"] {
          whole[name] = try spool.result(name)
          // As it looks once the page cache is gone.
          try spool.layout.results.create(name).write([UInt8](repeating: 0, count: 9))
        }
        _ = try spool.layout.results.create("c.json")
        #expect(whole.count == 4)
        if thenKilled {
          let killed = try WorkerProcess.once(on: spool, crashAt: "published:1")
          #expect(killed.end == .killed(by: SIGKILL))
        }
        #expect(try WorkerProcess.once(on: spool).end == .exited(0))
        for (name, content) in whole { #expect(try spool.result(name) == content) }
        try expectAll(spool)
        #expect(try lockText(spool).contains("clean=1\ndoubt=0\n"))
      }

      @Test("killed while its results are in doubt, it has them written again")
      func killedInDoubt() throws {
        let spool = try TemporarySpool()
        let worker = try WorkerProcess(spool, environment: ["SLUICE_FAULT": Self.always])
        #expect(eventually { worker.isReady })
        try spool.drop("a.json", Self.insert)
        #expect(try eventually { try lockText(spool).contains("clean=0\ndoubt=1\n") })
        worker.kill()
        let whole = try #require(try spool.result("a.json"))
        _ = try spool.layout.results.create("a.json")
        #expect(try WorkerProcess.once(on: spool).end == .exited(0))
        #expect(try spool.result("a.json") == whole)
        #expect(try spool.number("SELECT count(*) FROM effect") == 1)
      }
    }
  }
#endif
