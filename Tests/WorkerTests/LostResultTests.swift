#if DEBUG
  import JSON
  import Sluice
  import Spool
  import TestSupport
  import Testing

  @testable import SluiceWorker

  /// What a failed sync may have lost, the results are damaged here as a disk would leave them.
  @Suite("Results that a failed sync may have lost")
  struct LostResultTests {
    private static let insert =
      #"{"sql":"CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(1)"}"#
    private static let count = #"{"sql":"SELECT count(*) FROM t"}"#

    private let fixture: PublishingFixture
    private var spool: TemporarySpool { fixture.spool }

    init() throws {
      fixture = try PublishingFixture()
      fixture.failSyncs()
    }

    private func damage(_ name: String) throws {
      try spool.layout.results.create("." + name).write(Array("zzz".utf8))
      try spool.layout.results.rename("." + name, to: spool.layout.results, name)
    }

    /// Waits for the read that is to run again.
    private func handedBack() -> [ClaimedName] {
      var names: [ClaimedName] = []
      _ = eventually {
        names = fixture.active.takeHandedBack()
        return !names.isEmpty
      }
      return names
    }

    @Test("a write's result is written again from the ledger, without a second effect")
    func write() throws {
      try fixture.run("x.json", Self.insert)
      _ = try spool.awaitedResult("x.json")
      #expect(fixture.sawFailure())
      let whole = try #require(try spool.result("x.json"))
      try damage("x.json")
      #expect(try eventually { try spool.result("x.json") == whole })
      fixture.mend()
      #expect(fixture.isSettled())
      #expect(try eventually { try fixture.engine.unsettledRows().isEmpty })
      try fixture.run("y.json", Self.count)
      #expect(try spool.awaitedResult("y.json").firstValue?.integer == 1)
      #expect(fixture.end())
      #expect(try spool.result("x.json") == whole)
    }

    @Test("a read runs again; its file stays until its new result is durable")
    func read() throws {
      try fixture.run("x.json", #"{"sql":"SELECT 7"}"#)
      _ = try spool.awaitedResult("x.json")
      let again = handedBack()
      #expect(again.map(\.job.text) == ["x.json"] && spool.activeJobs == again)
      try damage("x.json")
      fixture.mend()
      try fixture.admit(again)
      #expect(fixture.isSettled())
      #expect(try spool.parsedResult("x.json")?.firstValue?.integer == 7)
    }

    @Test("a later job's result is not replaced by an older one that is written again")
    func laterResultStays() throws {
      try fixture.run("x.json", Self.insert)
      _ = try spool.awaitedResult("x.json")
      try fixture.run("x.json", #"{"sql":"INSERT INTO t VALUES(2) RETURNING x"}"#)
      #expect(try eventually { try spool.parsedResult("x.json")?.firstValue?.integer == 2 })
      // Rejected before it can run, it has no row and a sync of its own.
      try fixture.run("y.json", Self.insert)
      _ = try spool.awaitedResult("y.json")
      try fixture.run("y.json", #"{"sql":"SELECT * FROM nowhere"}"#)
      #expect(try eventually { try spool.parsedResult("y.json")?.status == "failed" })
      #expect(fixture.sawFailure())
      fixture.mend()
      #expect(fixture.isSettled())
      #expect(try spool.parsedResult("x.json")?.firstValue?.integer == 2)
      #expect(try spool.parsedResult("y.json")?.status == "failed")
    }

    @Test("a read that is to run again does not, once a later job of its name has ended")
    func overtakenRead() throws {
      try fixture.run("x.json", #"{"sql":"SELECT 7"}"#)
      _ = try spool.awaitedResult("x.json")
      let again = handedBack()
      #expect(again.count == 1)
      fixture.mend()
      try fixture.run("x.json", #"{"sql":"SELECT 8"}"#)
      #expect(try eventually { try spool.parsedResult("x.json")?.firstValue?.integer == 8 })
      #expect(throws: PublishingFixture.Failure.self) { try fixture.admit(again) }
      #expect(fixture.isSettled())
      #expect(try spool.parsedResult("x.json")?.firstValue?.integer == 8)
    }

    @Test("nor does it replace that result where it was running again already")
    func overtakenWhileRunning() throws {
      func name(_ sequence: UInt64) throws -> ClaimedName {
        ClaimedName(
          sequence: sequence, arrival: Timestamp(nanoseconds: 1), lane: .root,
          job: try #require(JobName("x.json")))
      }
      let unsettled = UnsettledResults(SettleHandle(nil))
      var removed: [ClaimedName] = []
      func publish(_ name: ClaimedName) throws {
        try unsettled.giveWay(to: name) { (older) throws(FileError) in removed.append(older) }
      }
      unsettled.runsAgain(try name(1))
      try publish(try name(2))
      #expect(removed == [try name(1)])
      let (first, second) = (try name(1), try name(2))
      #expect(unsettled.isOvertaken(first) && !unsettled.isOvertaken(second))
      // Where it ends first, it is like any other.
      unsettled.runsAgain(try name(3))
      let third = try name(3)
      #expect(!unsettled.isOvertaken(third))
      try publish(try name(3))
      try publish(try name(4))
      #expect(removed == [try name(1)])
      // One whose result is not durable yet goes when the next takes its place, also when the settler
      // has it.
      unsettled.add(read: try name(4))
      #expect(throws: FileError.self) {
        try unsettled.giveWay(to: try name(5)) { (older) throws(FileError) in
          throw FileError(.unlink, path: older.text, errno: 5)
        }
      }
      let settlement = unsettled.handOver(next: SettleHandle(nil)) { _ in nil }
      #expect(settlement.reads == [try name(4)])
      try publish(try name(5))
      #expect(removed == [try name(1), try name(4)])
      #expect(unsettled.takeLost(next: SettleHandle(nil)).isEmpty && !unsettled.isEmpty)
    }

    @Test("a result that a consumer has taken does not come back")
    func takenResult() throws {
      try fixture.run("x.json", Self.insert)
      try fixture.run("y.json", #"{"sql":"SELECT 7"}"#)
      for name in ["x.json", "y.json"] {
        _ = try spool.awaitedResult(name)
        try spool.layout.results.unlink(name)
      }
      #expect(fixture.sawFailure())
      fixture.mend()
      #expect(fixture.isSettled())
      #expect(fixture.end())
      #expect(spool.names(spool.layout.results, hidden: true) == [])
    }

    @Test("an end at which no sync works leaves the doubt, and reads for the next start")
    func unmended() throws {
      try fixture.run("x.json", Self.insert)
      try fixture.run("y.json", #"{"sql":"SELECT 7"}"#)
      for name in ["x.json", "y.json"] { _ = try spool.awaitedResult(name) }
      #expect(!fixture.end())
      #expect(spool.activeJobs.map(\.job.text) == ["y.json"])
      #expect(try spool.text(spool.layout.root, SpoolLayout.lockName)?.contains("doubt=1") == true)
    }
  }
#endif
