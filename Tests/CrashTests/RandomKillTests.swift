import Glibc
import Sluice
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("Random kills") struct RandomKillTests {
    private static let kills = 110

    @Test("whatever moment a worker is killed at, each job takes effect once and has one result")
    func mixedLoad() async throws {
      let given = getenv("SLUICE_SEED").flatMap { UInt64(String(cString: $0)) }
      let seed = given ?? UInt64(bitPattern: Timestamp.now().nanoseconds)
      print("random kills: SLUICE_SEED=\(seed)")
      let spool = try TemporarySpool()
      let load = try await onOwnThread { try KillRound(spool, seed: seed).run(kills: Self.kills) }
      #expect(load.last == .exited(1))
      print(
        "random kills: \(Self.kills) kills, \(load.dropped.count) files, "
          + "\(load.deaths.count) jobs in flight at one")
      try LoadVerdict.check(spool, dropped: load.dropped, deaths: load.deaths)
    }
  }
}

/// Producers that never rest, and workers that never live long.
private final class KillRound {
  struct Load: Sendable {
    /// The names of all files.
    var dropped: [String]
    /// Names of jobs, with the workers that died while they ran.
    var deaths: [String: Int]
    /// How the worker ended that was let live until nothing was left.
    var last: ChildProcess.End?
  }

  struct Failure: Error {
    var what: String
  }

  private let spool: TemporarySpool
  private let scripts: Directory
  private let seed: UInt64
  private var random: SeededGenerator
  private var deaths: [String: Int] = [:]

  init(_ spool: TemporarySpool, seed: UInt64) throws {
    self.spool = spool
    self.seed = seed
    random = SeededGenerator(seed: seed)
    scripts = try Directory(path: TemporarySpool.makeDirectory())
  }

  deinit { TemporarySpool.remove(scripts.path) }

  func run(kills: Int) throws -> Load {
    try spool.dropSchema()
    let producers = try Producers(on: spool, beside: scripts, seed: seed)
    for kill in 1...kills {
      try liveAndDie(kill)
      if let failure = producers.failure { throw Failure(what: "a producer: \(failure)") }
    }
    var dropped = try producers.stop()
    // Wherever the last kill fell, one job is left that fails.
    let failing = LoadKind.fails.names(key: "last-1")
    for name in failing { try spool.drop(name, LoadKind.fails.content(key: "last-1")) }
    dropped += failing
    let last = try WorkerProcess.once(on: spool, within: 120)
    return Load(dropped: dropped, deaths: deaths, last: last.end)
  }

  private func liveAndDie(_ number: Int) throws {
    let worker = try WorkerProcess(spool)
    // Some die while they put in order what the one before left.
    if Int.random(in: 0..<5, using: &random) > 0 {
      _ = eventually { worker.isReady || worker.child.end != nil }
    }
    let end = worker.child.wait(within: Double.random(in: 0.005...0.15, using: &random))
    guard end == nil else {
      throw Failure(what: "worker \(number) ended by itself: \(worker.child.errors)")
    }
    worker.kill()
    let flying = try spool.jobsInFlight()
    for job in spool.activeJobs where flying.contains(job.sequence) {
      deaths[job.job.text, default: 0] += 1
    }
  }
}
