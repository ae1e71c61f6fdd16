import Glibc
import Spool
import TestSupport
import Testing

extension CrashTests {
  /// A power failure may undo renames and unlinks, and empty what was not synced.
  @Suite("After an unclean boot") struct UncleanBootTests {
    private static let insert =
      #"{"sql":"CREATE TABLE IF NOT EXISTS effect(job); INSERT INTO effect VALUES('x')"}"#
    private static let fails = #"{"sql":"INSERT INTO nowhere VALUES(NULL)"}"#

    /// Lets a worker die after its job's COMMIT (or after the result), its file still in `active/`.
    private func killed(
      at seam: String, _ content: String, lane: IncomingLane = .root
    ) throws -> TemporarySpool {
      let spool = try TemporarySpool()
      try spool.drop("x.json", content, lane: lane)
      #expect(try WorkerProcess.once(on: spool, crashAt: seam).end == .killed(by: SIGKILL))
      #expect(spool.activeJobs.map(\.job.text) == ["x.json"])
      return spool
    }

    private func undoClaim(on spool: TemporarySpool, lane: IncomingLane = .root) throws {
      for job in spool.activeJobs {
        try spool.layout.active.rename(job.text, to: spool.layout.incoming(lane), job.job.text)
      }
    }

    private func expectDoneOnce(
      _ spool: TemporarySpool, effects: Int64 = 1, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let run = try WorkerProcess.once(on: spool)
      #expect(run.end == .exited(0), "\(run.errors)", sourceLocation: sourceLocation)
      let result = try spool.parsedResult("x.json")
      #expect(result?.status == "done", sourceLocation: sourceLocation)
      if effects > 0 {
        let count = try spool.number("SELECT count(*) FROM effect")
        #expect(count == effects, sourceLocation: sourceLocation)
      }
      #expect(spool.activeJobs.isEmpty && spool.incomingFiles.isEmpty)
      #expect(spool.names(spool.layout.failed) == [], sourceLocation: sourceLocation)
    }

    @Test(
      "a committed job whose claim was undone is not run again", arguments: IncomingLane.allCases)
    func undoneClaim(lane: IncomingLane) throws {
      if lane == .control { return }
      let spool = try killed(at: "committed:1", Self.insert, lane: lane)
      try undoClaim(on: spool, lane: lane)
      try spool.forgetBoot()
      try expectDoneOnce(spool)
    }

    @Test(
      "a committed job that came back without its data is neither rejected nor run again",
      arguments: [0, 60])
    func undoneClaimWithoutData(zeros: Int) throws {
      let spool = try killed(at: "committed:1", Self.insert)
      try undoClaim(on: spool)
      try spool.layout.incoming(.root).create("x.json").write([UInt8](repeating: 0, count: zeros))
      try spool.forgetBoot()
      try expectDoneOnce(spool)
    }

    @Test("a kill while it puts right what a reboot left changes nothing of that")
    func killedMeanwhile() throws {
      let spool = try killed(at: "committed:1", Self.insert)
      try undoClaim(on: spool)
      try spool.forgetBoot()
      let killed = try WorkerProcess.once(on: spool, crashAt: "published:1")
      #expect(killed.end == .killed(by: SIGKILL))
      try expectDoneOnce(spool)
    }

    @Test(
      "a file of which a file system without a journal left both names is put away under both",
      arguments: [(insert, 0, []), (fails, 0, ["x.json"])] as [(String, Int32, [String])])
    func bothNames(content: String, exit: Int32, failed: [String]) throws {
      let spool = try killed(at: "committed:1", content)
      let claimed = try #require(spool.activeJobs.first)
      #expect(
        link(spool.path + "/active/" + claimed.text, spool.path + "/incoming/x.json") == 0)
      try spool.forgetBoot()
      let run = try WorkerProcess.once(on: spool)
      #expect(run.end == .exited(exit), "\(run.errors)")
      #expect(spool.activeJobs.isEmpty && spool.incomingFiles.isEmpty)
      #expect(spool.names(spool.layout.failed) == failed)
      #expect(try spool.parsedResult("x.json")?.status == (failed.isEmpty ? "done" : "failed"))
      if failed.isEmpty { #expect(try spool.number("SELECT count(*) FROM effect") == 1) }
    }

    enum Damage: String, CaseIterable {
      case emptied, deleted, ofAnotherJob
    }

    @Test(
      "a result that was lost, emptied or filled with another's text is made whole again",
      arguments: Damage.allCases, [false, true])
    func damagedResult(damage: Damage, claimUndone: Bool) throws {
      let spool = try killed(at: "published:1", Self.insert)
      let whole = try #require(try spool.result("x.json"))
      let results = spool.layout.results
      switch damage {
      case .emptied: _ = try results.create("x.json")
      case .deleted: try results.unlink("x.json")
      case .ofAnotherJob:
        let file = try results.create("x.json")
        try file.write(Array(String(repeating: "z", count: whole.utf8.count).utf8))
      }
      if claimUndone { try undoClaim(on: spool) }
      try spool.forgetBoot()
      try expectDoneOnce(spool)
      #expect(try spool.result("x.json") == whole)
    }

    @Test("the file of a failed job that came back goes to failed/ with the same result")
    func failedJob() throws {
      let spool = try killed(at: "published:1", Self.fails)
      let whole = try #require(try spool.result("x.json"))
      try spool.layout.results.unlink("x.json")
      try undoClaim(on: spool)
      try spool.forgetBoot()
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try spool.result("x.json") == whole)
      #expect(spool.names(spool.layout.failed) == ["x.json"])
      #expect(spool.incomingFiles.isEmpty && spool.activeJobs.isEmpty)
    }

    @Test("the same content dropped anew is another job, also under the same name")
    func sameContentAnew() throws {
      let spool = try killed(at: "committed:1", Self.insert)
      try spool.forgetBoot()
      try spool.drop("x.json", Self.insert)
      try expectDoneOnce(spool, effects: 2)
    }

    @Test("a read whose result was emptied is done again")
    func emptiedRead() throws {
      let spool = try killed(at: "published:1", #"{"sql":"SELECT 7"}"#)
      _ = try spool.layout.results.create("x.json")
      try spool.forgetBoot()
      try expectDoneOnce(spool, effects: 0)
      #expect(try spool.parsedResult("x.json")?.firstValue?.integer == 7)
    }

    @Test(
      "a result that a consumer took before a kill stays away; before a reboot it may come back")
    func takenResult() throws {
      let spool = try TemporarySpool()
      try spool.drop("x.json", Self.insert)
      let worker = try WorkerProcess.started(on: spool)
      let first = try spool.awaitedResult("x.json")
      #expect(eventually { spool.activeJobs.isEmpty })
      try spool.layout.results.unlink("x.json")
      worker.kill()
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try spool.number("SELECT count(*) FROM effect") == 1)
      #expect(first.commit != nil)
      #expect(try spool.result("x.json") == nil)
    }

    @Test(
      "the result of a job that left no row stays, though an older one of the name has a row",
      arguments: [#"{"sql":"SELECT 1","no":1}"#, #"{"sql":"INSERT"#])
    func rejectedLater(second: String) throws {
      let spool = try TemporarySpool()
      let worker = try WorkerProcess(spool, environment: ["SLUICE_CRASH_AT": "published:2"])
      try spool.drop("x.json", Self.insert)
      _ = try spool.awaitedResult("x.json")
      try spool.drop("x.json", second)
      #expect(worker.child.wait(within: 20) == .killed(by: SIGKILL))
      // Its next step, which a power failure need not undo.
      let claimed = try #require(spool.activeJobs.first)
      try spool.layout.active.rename(claimed.text, to: spool.layout.failed, "x.json")
      let whole = try spool.result("x.json")
      try spool.forgetBoot()
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try spool.result("x.json") == whole)
      #expect(try spool.parsedResult("x.json")?.status == "rejected")
      #expect(spool.names(spool.layout.failed) == ["x.json"])
      #expect(try spool.number("SELECT count(*) FROM effect") == 1)
    }

    @Test("the result of an older job of the name does not come back over a later one's")
    func laterResultStays() throws {
      let spool = try TemporarySpool()
      try spool.drop("x.json", Self.insert)
      let worker = try WorkerProcess.started(on: spool)
      let first = try spool.awaitedResult("x.json").commit
      try spool.drop("x.json", Self.insert)
      #expect(try eventually { try spool.parsedResult("x.json")?.commit != first })
      let second = try spool.result("x.json")
      worker.kill()
      try spool.layout.results.unlink("x.json")
      try spool.forgetBoot()
      try expectDoneOnce(spool, effects: 2)
      // Settled before the kill, nothing brings it back.
      if let standing = try spool.result("x.json") { #expect(standing == second) }
    }
  }
}
