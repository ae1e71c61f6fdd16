import Glibc
import Spool
import TestSupport
import Testing

/// Power fails at any moment of a run: whatever of it the disk has kept, the real worker puts it in
/// order, and no promise is broken.
@Suite("Power loss", .serialized, .enabled(if: RecordedRun.isPossible, "strace may look on"))
struct PowerLossTests {
  /// States to try, the seed from which they come, and one state alone to try again.
  private static let states = number("SLUICE_POWER_STATES") ?? 250
  private static let seed = UInt64(number("SLUICE_POWER_SEED") ?? 1)
  private static let only = number("SLUICE_POWER_STATE")

  private static let recorded = Result { try RecordedRun.make() }

  private static func number(_ name: String) -> Int? {
    getenv(name).flatMap { Int(String(cString: $0)) }
  }

  @Test("what the recording leads to is what stood there in the end")
  func fidelity() throws {
    let run = try Self.recorded.get()
    let state = CrashState.whole(run.history, cut: .max)
    let files = state.names.files.filter { !$0.key.hasSuffix("-shm") }
    let end = run.end.filter { !$0.key.hasSuffix("-shm") }
    #expect(Set(files.keys) == Set(end.keys))
    for (name, file) in files where !name.contains(".inflight-") {
      let content = state.content(ofFile: file)
      let other = end[name] ?? []
      let first = zip(content, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      let isSame = content == other
      #expect(isSame, "\(name): \(content.count) and \(other.count) bytes, from \(first ?? -1)")
    }
    #expect(run.history.marks.contains { $0.word == "accepted" && $0.name == "a2.json" })
  }

  @Test("after a power failure every accepted job takes effect once and has its result")
  func states() async throws {
    let run = try Self.recorded.get()
    let trials = PowerTrials(run, seed: Self.seed)
    let numbers = Self.only.map { $0..<$0 + 1 } ?? 0..<Self.states
    let summary = try await trials.run(numbers)
    print(summary)
    for failure in summary.failures.prefix(10) { Issue.record("\(failure)") }
    #expect(summary.failures.count == 0)
  }

  @Test("a disk that forgets what was synced is found out")
  func forgetful() async throws {
    let run = try Self.recorded.get()
    let trials = PowerTrials(run, history: run.history.withoutSyncs(), seed: Self.seed)
    let summary = try await trials.run(0..<60, stopsAtFailure: true)
    #expect(summary.failures.count > 0)
  }
}
