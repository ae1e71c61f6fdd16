import Glibc
import Sluice
import Spool
import Synchronization

/// Drops jobs into the scratch spool from a thread of its own, until it is stopped; at most so many
/// without a result.
final class ProofProducer: Sendable {
  /// Enough for groups, few enough for each worker's short life.
  private static let waitingMax = 48

  private struct State {
    var isStopped = false
    var dropped: [ProofJob] = []
    var failure: (any Error)?
  }

  private let number: Int
  private let spool: SpoolLayout
  private let state = Mutex(State())

  init(number: Int, on spool: SpoolLayout) {
    self.number = number
    self.spool = spool
  }

  /// How many jobs it has dropped.
  var count: Int { state.withLock { $0.dropped.count } }

  func stop() { state.withLock { $0.isStopped = true } }

  /// What it has dropped, once its thread has ended.
  /// - Throws: what ended it before it was stopped.
  func jobs() throws -> [ProofJob] {
    try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.dropped
    }
  }

  /// The thread's body.
  func run() {
    do {
      try produce()
    } catch { state.withLock { $0.failure = error } }
  }

  private func produce() throws {
    var waiting: [ProofJob] = []
    var next = 0
    while !state.withLock({ $0.isStopped }) {
      if waiting.count < Self.waitingMax {
        let load = ProofLoad.dropped[(next + number) % ProofLoad.dropped.count]
        let job = ProofJob(load: load, producer: number, number: next)
        next += 1
        try drop(job)
        waiting.append(job)
        continue
      }
      var still: [ProofJob] = []
      for job in waiting {
        guard try hasResult(job) else {
          still.append(job)
          continue
        }
        if job.load == .append {
          // Dropped after the write's result appeared, it has to see the write.
          let read = ProofJob(load: .read, producer: number, number: job.number)
          try drop(read)
          still.append(read)
        }
      }
      if still.count == waiting.count { usleep(2000) }
      waiting = still
    }
  }

  private func hasResult(_ job: ProofJob) throws -> Bool {
    guard let name = JobName(job.file) else { preconditionFailure("\(job.file) is no job's name") }
    return try spool.results.status(name.result) != nil
  }

  private func drop(_ job: ProofJob) throws {
    let scratch = ".\(job.file).tmp"
    try spool.tmp.create(scratch).write(Array(job.content.utf8))
    try spool.tmp.renameNew(scratch, to: spool.incoming(.root), job.file)
    state.withLock { $0.dropped.append(job) }
  }
}
