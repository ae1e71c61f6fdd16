import JSON
import Testing

@testable import Sluice

/// Keeps what reads return in memory, and has as little room as it is told.
private final class MemoryStore: RowStore {
  struct State: Sendable {
    /// Writes that fail before one succeeds.
    var failures = 0
    var hasRoom = true
    var begun = 0
    /// The longest piece that was written at once.
    var longest = 0
  }

  let state: Monitor<State>

  init(failures: Int = 0, hasRoom: Bool = true) {
    state = Monitor(State(failures: failures, hasRoom: hasRoom))
  }

  func begin(_ content: StreamedContent, of ticket: JobTicket) -> any RowSink {
    state.withLock { $0.begun += 1 }
    return MemorySink(self)
  }

  func hasRoom() -> Bool { state.withLock { $0.hasRoom } }

  func room(for count: Int) -> Bool {
    state.withLock { state in
      state.longest = max(state.longest, count)
      guard state.failures > 0 else { return true }
      state.failures -= 1
      return false
    }
  }
}

private final class MemorySink: RowSink {
  struct State: Sendable {
    var bytes: [UInt8] = []
    var isFinished = false
  }

  let name = "rows"
  let state = Monitor(State())
  private let store: MemoryStore

  init(_ store: MemoryStore) { self.store = store }

  func write(_ bytes: inout [UInt8]) throws(StorageFailure) {
    guard store.room(for: bytes.count) else { throw StorageFailure("no room", isFull: true) }
    let piece = bytes
    state.withLock { $0.bytes += piece }
    bytes.removeAll()
  }

  func finish() throws(StorageFailure) { state.withLock { $0.isFinished = true } }
}

@Suite("Streamed results") struct StreamedResultTests {
  private static let sql = """
    WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<40000) \
    SELECT x, 'a longer text' FROM c
    """

  private func outcome(_ job: Job, _ store: MemoryStore) throws -> Outcome {
    let fixture = try EngineFixture(rows: store)
    let sequence = fixture.submit(job)
    #expect(eventually { fixture.hasOutcome(sequence) })
    return try #require(fixture.outcomes.first)
  }

  private func sink(_ outcome: Outcome) throws -> MemorySink.State {
    let sink = try #require(outcome.streamed?.sink as? MemorySink)
    return sink.state.withLock { $0 }
  }

  @Test("a long result goes through its sink, in pieces, and is one document in the end")
  func longResult() throws {
    let store = MemoryStore()
    let outcome = try outcome(Job(Self.sql), store)
    #expect(outcome.result.isEmpty)
    let written = try sink(outcome)
    #expect(written.isFinished)
    let document = try JSONReader.parse(written.bytes)
    #expect(document["status"]?.string == "done")
    #expect(document["statements"]?[0]?["rows"]?.array?.count == 40_000)
    #expect(document["times"]?["ran"]?.number ?? 0 > 0)
    #expect(store.state.withLock { $0.longest } < ReadOutput.resultMax + 1000)
  }

  @Test("a short result needs no sink")
  func shortResult() throws {
    let store = MemoryStore()
    let outcome = try outcome(Job("SELECT 1"), store)
    #expect(outcome.streamed == nil)
    #expect(store.state.withLock { $0.begun } == 0)
  }

  @Test("a read waits while there is no room for what it returns, and is not charged for it")
  func fullDisk() throws {
    let outcome = try outcome(Job(Self.sql), MemoryStore(failures: 3, hasRoom: false))
    #expect(outcome.status == .done)
    let document = try JSONReader.parse(try sink(outcome).bytes)
    #expect(document["attempts"]?.integer == 1)
  }

  @Test("a read that alone does not fit where there is room is given up")
  func tooLarge() throws {
    let outcome = try outcome(Job(Self.sql), MemoryStore(failures: .max, hasRoom: true))
    #expect(outcome.status == .failed)
    let result = try TestResult(outcome)
    #expect(result.code == "SQLITE_FULL")
    #expect(result.kind == "storage")
  }

  @Test("without a place for files, a format that needs one is refused")
  func noStore() throws {
    let fixture = try EngineFixture()
    let job = Job("SELECT 1").with { $0.result.format = .csv }
    let result = try fixture.run(job)
    #expect(result.status == .rejected)
    #expect(result.code == SluiceCode.badJob)
  }
}
