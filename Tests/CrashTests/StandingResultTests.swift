import Glibc
import SQLite
import Sluice
import Spool
import TestSupport
import Testing

extension CrashTests {
  /// A worker that died after a COMMIT, and another job's result under the name of the one it left.
  @Suite("Results that stand in a place") struct StandingResultTests {
    private let spool: TemporarySpool

    init() throws {
      spool = try TemporarySpool()
      try spool.drop("table.json", #"{"sql":"CREATE TABLE t(a)"}"#)
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    }

    /// - Parameter crashes: at once after the COMMIT that the job is in.
    private func write(_ value: Int, crashes: Bool = false) throws {
      // A worker that finds something to settle may do it in a COMMIT of its own, before the job's.
      let unsettled =
        "SELECT count(*) FROM _sluice_ledger WHERE key>(SELECT settled FROM _sluice_spools)"
      let isSettled = try eventually {
        try WorkerProcess.once(on: spool)
        return try spool.number(unsettled) == 0
      }
      #expect(isSettled)
      try spool.drop("x.json", #"{"sql":"INSERT INTO t VALUES(\#(value))"}"#)
      try WorkerProcess.once(on: spool, crashAt: crashes ? "committed:1" : nil)
    }

    @Test("a committed write's result replaces an older one though the clock was set back between")
    func clockSetBack() throws {
      try write(1)
      // As if it had ended tomorrow, by the clock of then.
      let database = try Connection(path: spool.path + "/main.db", role: .writer)
      database.authorizer.subject = .engine
      let query = try database.prepareOwn(
        "SELECT max(finished) FROM _sluice_ledger WHERE name='x.json'")
      #expect(try query.step())
      let finished = Timestamp(nanoseconds: query.integer(0))
      query.reset()
      let tomorrow = finished.advanced(bySeconds: 86_400)
      try database.execute(
        "UPDATE _sluice_ledger SET finished=\(tomorrow.nanoseconds) WHERE name='x.json'")
      let first = try #require(try spool.result("x.json"))
      #expect(first.contains(finished.rfc3339))
      try spool.layout.results.create("x.json").write(
        Array(first.replacing(finished.rfc3339, with: tomorrow.rfc3339).utf8))

      try write(2, crashes: true)
      let older = try #require(try spool.parsedResult("x.json")?.commit)
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try #require(try spool.parsedResult("x.json")?.commit) > older)
      #expect(try spool.number("SELECT count(*) FROM t") == 2)
    }

    @Test("of two reads of one name that arrived in one tick, one result stands for one of them")
    func readsOfOneTick() throws {
      try write(1, crashes: true)
      let arrival = Timestamp(nanoseconds: 1_600_000_000_000_000_000)
      let result =
        #"{"job":"x.json","status":"done","statements":[],"times":{"arrived":"\#(arrival.rfc3339)","#
        + #""started":"\#(arrival.rfc3339)","finished":"\#(arrival.rfc3339)","waited":0,"ran":0},"#
        + #""cached":false}"#
      try spool.layout.results.create("x.json").write(Array(result.utf8))
      let claimed = try #require(spool.activeJobs.first)
      for number: UInt64 in 1...2 {
        let name = ClaimedName(
          sequence: claimed.sequence + number, arrival: arrival, lane: .root, job: claimed.job)
        try spool.layout.active.create(name.text).write(Array(#"{"sql":"SELECT 7"}"#.utf8))
      }
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      // The one whose result it was is not run again; the other one has its own.
      #expect(try spool.parsedResult("x.json")?.firstValue?.integer == 7)
      #expect(spool.activeJobs.isEmpty)
    }
  }
}
