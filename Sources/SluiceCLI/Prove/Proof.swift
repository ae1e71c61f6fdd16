import Glibc
import Sluice
import Spool
import Synchronization

/// Kills workers under load again and again, lets the last one finish, and has the effects counted.
struct Proof {
  private static let producers = 3
  /// Seconds that the last worker has for what is left.
  private static let finishMax = 120.0
  /// Workers that end by themselves are a fault; so many are enough to know.
  private static let ownEndsMax = 5

  let scratch: ProofScratch
  let seconds: Double
  private(set) var kills = 0
  private var seen: [String] = []

  init(_ scratch: ProofScratch, seconds: Double) {
    self.scratch = scratch
    self.seconds = seconds
  }

  /// - Parameter progress: told now and then of the seconds gone, the kills and the jobs.
  mutating func run(progress: (Double, Int, Int) -> Void) throws -> ProofVerdict {
    try makeTables()
    let producers = (1...Self.producers).map { ProofProducer(number: $0, on: scratch.spool) }
    let threads = try producers.map { producer in
      try OwnedThread(name: "producer") { producer.run() }
    }
    defer {
      for producer in producers { producer.stop() }
      for thread in threads { thread.join() }
    }
    let start = MonotonicTime.now()
    while seen.count < Self.ownEndsMax, !ProofSignals.isStopped {
      let gone = MonotonicTime.now().seconds(since: start)
      progress(gone, kills, producers.reduce(0) { $0 + $1.count })
      if gone >= seconds { break }
      try liveAndDie(within: seconds - gone)
    }
    for producer in producers { producer.stop() }
    for thread in threads { thread.join() }
    let jobs = try producers.flatMap { try $0.jobs() }
    try finish()
    return try ProofVerdict(scratch, jobs: jobs, seen: seen)
  }

  private func makeTables() throws {
    let job = "tables.json"
    try scratch.spool.incoming(.root).create(job).write(Array(ProofLoad.schema.utf8))
    let end = try ProofWorker(on: scratch, once: true).wait(within: Self.finishMax)
    guard end == .exited(0) else {
      throw CommandFailure(
        .notDone, "a worker cannot work in \(scratch.path): \(scratch.lastWords)",
        hint: "see what sluice doctor says of this place")
    }
  }

  private mutating func liveAndDie(within seconds: Double) throws {
    let worker = try ProofWorker(on: scratch, once: false)
    // Some die while they put in order what the one before left.
    let isShort = Int.random(in: 0..<5) == 0
    let life = isShort ? Double.random(in: 0.005...0.04) : Double.random(in: 0.03...0.25)
    if let end = worker.wait(within: min(life, seconds), orUntil: { ProofSignals.isStopped }) {
      seen.append("a worker ended by itself (\(end.text)): \(scratch.lastWords)")
      return
    }
    worker.kill()
    kills += 1
  }

  private mutating func finish() throws {
    let worker = try ProofWorker(on: scratch, once: true)
    switch worker.wait(within: Self.finishMax) {
    case .exited(0), .exited(1): return
    case let end?: seen.append("the last worker ended with \(end.text): \(scratch.lastWords)")
    case nil:
      seen.append("the last worker was not done after \(Int(Self.finishMax)) s")
      worker.kill()
    }
  }
}

/// Whether the proof was asked to come to its end (Ctrl-C, SIGTERM).
enum ProofSignals {
  private static let stopped = Atomic<Bool>(false)

  static var isStopped: Bool { stopped.load(ordering: .relaxed) }

  static func watch() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in ProofSignals.stopped.store(true, ordering: .relaxed) }
    }
  }
}
