import Glibc
import Synchronization
import TestSupport

/// Starts the worker on one crash state after the other, on as many threads as there are processors.
final class PowerTrials: Sendable {
  private let recorded: RecordedRun
  private let history: DiskHistory
  private let seed: UInt64
  private let results = Mutex(Results())

  private struct Results {
    var trees: Set<Int> = []
    var cutAgain = 0
    var failures: [Int: [String]] = [:]
  }

  struct Summary: CustomStringConvertible {
    var states: Int
    var trees: Int
    /// Recoveries that were cut by another power failure.
    var cutAgain: Int
    var seconds: Double
    var seed: UInt64
    var failures: [Failure]

    var description: String {
      "power loss: \(states) states, \(trees) distinct trees, \(cutAgain) cut again, "
        + "\(failures.count) failures, "
        + "seed \(seed), \(Int(seconds.rounded())) s"
    }
  }

  struct Failure: CustomStringConvertible {
    var state: Int
    var seed: UInt64
    var problems: [String]

    var description: String {
      "state \(state) of seed \(seed) (SLUICE_POWER_SEED=\(seed) SLUICE_POWER_STATE=\(state)): "
        + problems.prefix(8).joined(separator: "; ")
    }
  }

  /// - Parameter history: another one than was recorded.
  init(_ recorded: RecordedRun, history: DiskHistory? = nil, seed: UInt64) {
    self.recorded = recorded
    self.history = history ?? recorded.history
    self.seed = seed
  }

  /// - Parameter stopsAtFailure: whether one is enough.
  func run(_ states: Range<Int>, stopsAtFailure: Bool = false) async throws -> Summary {
    let begun = monotonicSeconds()
    let place = try RecordedRun.makeDirectory()
    defer { TemporarySpool.remove(place) }
    let shim = try PowerLossTree.makeShim(in: place)
    let shares = max(1, min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), states.count))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for share in 0..<shares {
        group.addTask {
          try await onOwnThread {
            for number in states where number % shares == share {
              if stopsAtFailure, self.results.withLock({ !$0.failures.isEmpty }) { return }
              try self.try(number, shim)
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let seconds = monotonicSeconds() - begun
    return results.withLock { results in
      let failures = results.failures.sorted { $0.key < $1.key }.map {
        Failure(state: $0.key, seed: seed, problems: $0.value)
      }
      return Summary(
        states: states.count, trees: results.trees.count, cutAgain: results.cutAgain,
        seconds: seconds, seed: seed,
        failures: failures)
    }
  }

  private func `try`(_ number: Int, _ shim: String) throws {
    let state = CrashState(number, of: history, seed: seed)
    let tree = try PowerLossTree(state, of: history, shim: shim)
    // What was promised by then differs with the moment.
    let key = tree.fingerprint ^ state.cut
    guard results.withLock({ $0.trees.insert(key).inserted }) else { return }
    let problems = try problems(number, tree, state)
    if !problems.isEmpty { results.withLock { $0.failures[number] = problems } }
  }

  /// Of each so many states the recovery itself meets a power failure.
  private static let cutEvery = 3
  private static let changesMax = 8

  private func problems(
    _ number: Int, _ tree: PowerLossTree, _ state: CrashState
  ) throws -> [String] {
    if number % Self.cutEvery == 0 {
      let change = 1 + number / Self.cutEvery % Self.changesMax
      if try tree.cutRecovery(with: recorded.worker, atChange: change) {
        results.withLock { $0.cutAgain += 1 }
      }
    }
    let run = try tree.recover(with: recorded.worker)
    guard let end = run.end else { return ["the worker hangs: \(run.errors)"] }
    guard [.exited(0), .exited(1)].contains(end) else { return ["\(end): \(run.errors)"] }
    do {
      let problems = try PowerVerdict.problems(recorded, cut: state.cut, spool: tree.spool)
      return problems.isEmpty ? [] : problems + ["worker: " + run.errors]
    } catch {
      return ["\(error); worker: \(run.errors)"]
    }
  }
}
