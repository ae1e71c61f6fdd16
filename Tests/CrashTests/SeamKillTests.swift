import Glibc
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Kills at named points") struct SeamKillTests {
    /// Beyond these the small load has no more passings.
    private static let passingsMax = ["claimed": 16, "begun": 4, "committed": 4, "published": 16]

    @Test(
      "a worker killed at a seam leaves nothing that the next does not put right",
      arguments: ["claimed", "begun", "committed", "published", "settled"])
    func kill(seam: String) throws {
      let passings = Self.passingsMax[seam] ?? 2
      var died = 0
      for passing in [1, 2, 5, 10, 16] where passing <= passings {
        if try kill(at: "\(seam):\(passing)", thenAt: nil) { died += 1 }
      }
      #expect(died > 0, "the seam \(seam) is not passed")
    }

    @Test(
      "a worker killed while it puts right what the one before left harms nothing",
      arguments: ["claimed:9", "committed:1", "committed:2", "published:5"])
    func killTwice(first: String) throws {
      for second in ["published:1", "published:2", "committed:1", "settled:1"] {
        try kill(at: first, thenAt: second)
      }
    }

    @Test("a file that was taken away unopened is not opened by the next worker either")
    func linkedFile() throws {
      let spool = try TemporarySpool()
      try spool.drop("x.json", #"{"sql":"CREATE TABLE t(x)"}"#)
      #expect(link(spool.path + "/incoming/x.json", spool.path + "/data/other") == 0)
      let killed = try WorkerProcess.once(on: spool, crashAt: "claimed:1")
      #expect(killed.end == .killed(by: SIGKILL))
      #expect(try WorkerProcess.once(on: spool).end == .exited(1))
      #expect(try spool.parsedResult("x.json")?.errorCode == "SLUICE_BAD_FILE")
      #expect(spool.names(spool.layout.failed) == ["x.json"])
      #expect(try spool.number("SELECT count(*) FROM sqlite_schema WHERE name='t'") == 0)
    }

    @Test("a read that had ended does not put its result back over that of a later job of its name")
    func olderRead() throws {
      let spool = try TemporarySpool()
      let worker = try WorkerProcess(spool, environment: ["SLUICE_CRASH_AT": "committed:1"])
      try spool.drop("x.json", #"{"sql":"SELECT 7"}"#)
      #expect(try spool.awaitedResult("x.json").firstValue?.integer == 7)
      try spool.drop("x.json", #"{"sql":"CREATE TABLE t(x)"}"#)
      #expect(worker.child.wait(within: 20) == .killed(by: SIGKILL))
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try spool.parsedResult("x.json")?.commit != nil)
      #expect(spool.activeJobs.isEmpty)
    }

    /// - Returns: whether the worker met that point at all.
    @discardableResult
    private func kill(at first: String, thenAt second: String?) throws -> Bool {
      let spool = try TemporarySpool()
      try spool.dropSchema()
      let dropped = try dropLoad(on: spool)
      let killed = try WorkerProcess.once(on: spool, crashAt: first)
      if let second { try WorkerProcess.once(on: spool, crashAt: second) }
      let last = try WorkerProcess.once(on: spool)
      // It fails jobs of this load, unless those before it came so far.
      #expect([.exited(0), .exited(1)].contains(last.end), "\(first): \(last.errors)")
      try LoadVerdict.check(spool, dropped: dropped)
      return killed.end == .killed(by: 9)
    }

    /// One job of each kind, in one lane: their order is that of the claims.
    private func dropLoad(on spool: TemporarySpool) throws -> [String] {
      var dropped: [String] = []
      for (index, kind) in LoadKind.allCases.enumerated() {
        let key = "seam-\(index)"
        for name in kind.names(key: key) {
          try spool.drop(name, kind.content(key: key))
          dropped.append(name)
        }
      }
      return dropped
    }
  }
}
