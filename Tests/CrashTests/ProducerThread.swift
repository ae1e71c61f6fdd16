import Sluice
import Spool
import Synchronization
import TestSupport

/// Drops every kind of job, into every lane, from a thread of the test's own.
final class ProducerThread: Sendable {
  private struct State: Sendable {
    var dropped: [String] = []
    var isStopping = false
    var failure: String?
  }

  private final class Shared: Sendable {
    let state = Mutex(State())
  }

  private let shared = Shared()
  private let thread: OwnedThread

  init(_ spool: TemporarySpool, number: Int, seed: UInt64) throws {
    let shared = shared
    thread = try OwnedThread(name: "producer") {
      do {
        try Self.run(spool, number: number, seed: seed, shared)
      } catch {
        shared.state.withLock { $0.failure = "\(error)" }
      }
    }
  }

  /// Why it gave up.
  var failure: String? { shared.state.withLock { $0.failure } }

  /// - Returns: the names of the files that it dropped.
  func stop() -> [String] {
    shared.state.withLock { $0.isStopping = true }
    thread.join()
    return shared.state.withLock { $0.dropped }
  }

  private static func run(
    _ spool: TemporarySpool, number: Int, seed: UInt64, _ shared: Shared
  ) throws {
    var random = SeededGenerator(seed: seed)
    let lanes = IncomingLane.allCases.filter { $0 != .control }
    var count = 0
    while !shared.state.withLock({ $0.isStopping }) {
      guard let lane = lanes.randomElement(using: &random),
        let kind = LoadKind.allCases.randomElement(using: &random)
      else { return }
      _ = eventually {
        [spool.layout.incoming(lane), spool.layout.active].allSatisfy {
          spool.names($0).count < Producers.backlogMax
        } || shared.state.withLock { $0.isStopping }
      }
      let key = "swift\(number)-\(100_000 + count)"
      count += 1
      for name in kind.names(key: key) {
        shared.state.withLock { $0.dropped.append(name) }
        if Bool.random(using: &random) {
          try spool.drop(name, kind.content(key: key), lane: lane)
        } else {
          try spool.write(name, kind.content(key: key), lane: lane)
        }
      }
    }
  }
}
