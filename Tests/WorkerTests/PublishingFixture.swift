#if DEBUG
  import Glibc
  import JSON
  import Sluice
  import TestSupport

  @testable import SluiceWorker
  @testable import Spool

  /// An engine, a publisher and a settler on a spool whose file operations can be made to fail; the
  /// test is the loop.
  final class PublishingFixture {
    let plan = FaultPlan()
    let spool: TemporarySpool
    let active = ActiveJobs {}
    let engine: Engine
    private let publisher: Publisher
    private let settler: Settler
    private var threads: [OwnedThread] = []
    private let intake: JobIntake
    private var claim: JobClaim
    private var isEnded = false

    init() throws {
      spool = try TemporarySpool(plan.install)
      let layout = spool.layout
      let log = WorkerLog()
      let results = ResultWriter(layout)
      let decoder = JobDecoder()
      let engines = EngineTable()
      let batches = BatchPublication(layout, results, decoder)
      settler = Settler(results, layout, engines: engines, log: log)
      let publisher = Publisher(
        results, batches: batches, active: active, settler: settler, engines: engines,
        counts: OutcomeCounts(), mayHaveRows: true, log: log)
      self.publisher = publisher
      intake = JobIntake(decoder, layout, databases: ["main"])
      claim = JobClaim(layout, sequences: SequenceSource(floor: 0))
      var configuration = EngineConfiguration(path: spool.path + "/main.db")
      configuration.spool = 1
      engine = try Engine(
        configuration, observer: SilentObserver(), report: { _ in },
        deliver: { publisher.add($0, database: "main") })
      engines.add(engine)
      let settler = settler
      threads.append(try OwnedThread(name: "publisher") { publisher.run() })
      threads.append(
        try OwnedThread(name: "settler") { settler.run { publisher.settlingFailed() } })
    }

    deinit { end() }

    /// Ends in order, as a worker does.
    /// - Returns: whether all results are durable.
    @discardableResult
    func end() -> Bool {
      if !isEnded {
        isEnded = true
        engine.stop()
        publisher.close()
        for thread in threads { thread.join() }
      }
      return !settler.isInDoubt
    }

    /// Drops a job, claims it, and has it run.
    func run(_ name: String, _ content: String) throws {
      try admit([claimed(name, content)])
    }

    /// Drops a job and claims it.
    func claimed(_ name: String, _ content: String) throws -> ClaimedName {
      try spool.drop(name, content)
      let entry = ScanEntry(
        name: Array(name.utf8CString), lane: .root, arrival: .now(), hold: nil)
      guard case .claimed(let job) = claim.claim(entry, now: .now(), clock: .now()) else {
        throw Failure(what: "\(name) was not claimed")
      }
      return job.name
    }

    /// Runs claimed jobs.
    func admit(_ names: [ClaimedName]) throws {
      for name in names {
        guard case .claimed(let job) = claim.reopen(name), case .whole(let bytes) = job.content,
          case .run(let ticket) = intake.admit(job, bytes)
        else { throw Failure(what: "\(name.text) cannot be run") }
        active.add(name, bytes: bytes.count)
        engine.submit([ticket])
      }
    }

    /// Every sync of results fails until `mend`.
    func failSyncs() { plan.fail(.syncFileSystem, count: .max, errno: EIO) }

    func mend() { plan.mend() }

    /// Waits until a sync has failed.
    func sawFailure() -> Bool { eventually { settler.isInDoubt } }

    /// Waits until all that was published is durable.
    func isSettled() -> Bool {
      eventually { !settler.isInDoubt && spool.activeJobs.isEmpty }
    }

    struct Failure: Error {
      var what: String
    }

    private struct SilentObserver: RunObserver {
      func writerStarts(sequence: Int64, index: Int) {}
      func writerRests() {}
      func reader(_ slot: Int, starts sequence: Int64) {}
      func readerRests(_ slot: Int) {}
    }
  }
#endif
