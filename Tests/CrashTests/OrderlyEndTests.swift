import Glibc
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Orderly ends") struct OrderlyEndTests {
    private func lockText(_ spool: TemporarySpool) throws -> String {
      String(
        decoding: try spool.layout.root.contents(SpoolLayout.lockName) ?? [], as: UTF8.self)
    }

    @Test(
      "SIGTERM and SIGINT finish what was claimed, exit with 0 and leave a clean lock",
      arguments: [SIGTERM, SIGINT])
    func stop(signal: Int32) throws {
      let spool = try TemporarySpool()
      try spool.drop("schema.json", LoadKind.schema, lane: .urgent)
      for number in 0..<300 {
        try spool.drop("load-\(number)-insert.json", LoadKind.insert.content(key: "load-\(number)"))
      }
      let worker = try WorkerProcess.started(on: spool)
      #expect(
        eventually { !spool.activeJobs.isEmpty || !spool.names(spool.layout.results).isEmpty })
      worker.child.send(signal)
      #expect(worker.child.wait(within: 20) == .exited(0))
      #expect(spool.activeJobs.isEmpty)
      #expect(try lockText(spool).contains("clean=1\n"))
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      #expect(try spool.number("SELECT count(*) FROM effect") == 300)
      #expect(spool.names(spool.layout.results).count == 301)
    }

    @Test("a killed worker's lock is not clean, and the next takes the spool at once")
    func killed() throws {
      let spool = try TemporarySpool()
      try WorkerProcess.started(on: spool).kill()
      #expect(try lockText(spool).contains("clean=0\n"))
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    }

    @Test("a second worker says in one line who has the spool, and leaves that one alone")
    func second() throws {
      let spool = try TemporarySpool()
      let first = try WorkerProcess.started(on: spool)
      let second = try WorkerProcess.once(on: spool)
      #expect(second.end == .exited(1))
      #expect(second.errors.contains("in use by the worker with pid \(first.child.pid)"))
      #expect(second.errors.split(separator: "\n").count == 1)
      try spool.drop("x.json")
      #expect(try spool.awaitedResult("x.json").status == "done")
      #expect(first.stop() == .exited(0))
    }

    @Test("--once exits with 0 where all was done, with 1 where a job was not")
    func once() throws {
      let spool = try TemporarySpool()
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      try spool.drop("x.json")
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
      try spool.drop("y.json", #"{"sql":"SELECT * FROM nowhere"}"#)
      #expect(try WorkerProcess.once(on: spool).end == .exited(1))
      try spool.drop("z.json", "no JSON")
      #expect(try WorkerProcess.once(on: spool).end == .exited(1))
      #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    }

    @Test("SIGHUP and a SIGIO of a lease do not end it")
    func hangUp() throws {
      let spool = try TemporarySpool()
      let worker = try WorkerProcess.started(on: spool)
      for signal in [SIGHUP, SIGIO, SIGPIPE, SIGXFSZ] { worker.child.send(signal) }
      try spool.drop("x.json")
      #expect(try spool.awaitedResult("x.json").status == "done")
      #expect(worker.child.end == nil)
      #expect(worker.stop() == .exited(0))
    }
  }
}
