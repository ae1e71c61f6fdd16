import Glibc
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Jobs that kill") struct PoisonTests {
    /// Runs until it is stopped.
    private static let endless = """
      {"timeout":600,"sql":"INSERT INTO effect SELECT 'poison' FROM (WITH RECURSIVE c(n) AS \
      (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<1000000000000) SELECT n FROM c)"}
      """

    @Test(
      "a job that three workers died of is given up without effect, and its neighbours are done")
    func poison() throws {
      let spool = try TemporarySpool()
      try spool.dropSchema()
      let neighbours = (0..<6).map { "neighbour-\($0)-insert.json" }
      try drop(neighbours.prefix(3), on: spool)
      try spool.drop("poison.json", Self.endless)
      try drop(neighbours.suffix(3), on: spool)
      for _ in 0..<3 {
        let worker = try WorkerProcess.started(on: spool)
        let isAlone = try eventually { try jobsInFlight(on: spool) == ["poison.json"] }
        #expect(isAlone, "\(worker.child.errors)")
        worker.kill()
      }
      #expect(try spool.parsedResult("poison.json") == nil)
      let last = try WorkerProcess.once(on: spool)
      #expect(last.end == .exited(1))
      let result = try #require(try spool.parsedResult("poison.json"))
      #expect(result.status == "failed")
      #expect(result.errorCode == "SLUICE_POISON")
      #expect(result.errorKind == "worker")
      #expect(try spool.number("SELECT count(*) FROM effect WHERE job='poison'") == 0)
      #expect(try spool.number("SELECT count(DISTINCT job) FROM effect") == 6)
      #expect(try spool.number("SELECT count(*) FROM effect") == 6)
      #expect(spool.names(spool.layout.failed) == ["poison.json"])
      #expect(spool.activeJobs.isEmpty)
      for name in neighbours { #expect(try spool.parsedResult(name)?.status == "done") }
    }

    @Test("two deaths and an end in order do not make a poison")
    func pardoned() throws {
      let spool = try TemporarySpool()
      try spool.dropSchema()
      try spool.drop("long.json", Self.endless)
      for number in 0..<5 {
        let worker = try WorkerProcess.started(on: spool)
        #expect(try eventually { try jobsInFlight(on: spool) == ["long.json"] })
        if number == 0 || number == 2 {
          worker.kill()
        } else {
          // Asked twice, it undoes what runs and leaves it to the next.
          worker.child.send(SIGTERM)
          #expect(eventually { worker.child.errors.contains("stopping: ") })
          #expect(worker.stop() == .exited(0))
        }
      }
      #expect(try spool.parsedResult("long.json") == nil)
      #expect(spool.activeJobs.map(\.job.text) == ["long.json"])
    }

    private func drop(_ names: some Sequence<String>, on spool: TemporarySpool) throws {
      for name in names {
        try spool.drop(name, LoadKind.insert.content(key: LoadKind.key(ofName: name)))
      }
    }

    private func jobsInFlight(on spool: TemporarySpool) throws -> [String] {
      let flying = try spool.jobsInFlight()
      return spool.activeJobs.filter { flying.contains($0.sequence) }.map(\.job.text)
    }
  }
}
