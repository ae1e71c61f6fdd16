import SQLite
import Synchronization

/// Notes what the statements of one connection did, in a list of its own that the monitor collects.
///
/// `record` is for the thread that has the connection; its lock is contended only while the monitor
/// collects, a few µs a second.
final class StatementRecorder: Sendable {
  private typealias State = SampleBuffer.State

  /// Samples after which they are handed over without being asked for: 40 KiB.
  private static let samplesMax = 1024

  private let monitor: QueryMonitor
  private let buffer: SampleBuffer

  init(_ monitor: QueryMonitor, _ buffer: SampleBuffer) {
    self.monitor = monitor
    self.buffer = buffer
  }

  /// What is left in the buffer is the monitor's to collect.
  deinit { buffer.close() }

  /// Notes one run.
  /// - Parameter text: of the statement; looked at only where it is not known yet, or slow.
  func record(_ statement: Statement, _ text: StatementText, _ run: StatementRun) {
    let full = buffer.withLock { state -> SampleBuffer.Content? in
      renew(&state)
      if statement.tag >> 32 == state.generation {
        state.content.uses.reused += 1
      } else {
        state.content.uses.compiled += 1
        statement.tag = text.withBytes { tag(of: $0, &state) }
      }
      return add(StatementSample(tag: statement.tag, run), &state)
    }
    if let full { monitor.merge(full) }
    if run.nanoseconds >= monitor.slowNanoseconds {
      monitor.add(SlowStatement(text, run))
    }
  }

  /// Notes one run of a script's statement, by its own fingerprint only if it was no quick one.
  func record(scripted text: UnsafeBufferPointer<UInt8>, job: String, _ run: StatementRun) {
    let isQuick = run.nanoseconds < Self.quickNanoseconds
    let full = buffer.withLock { state -> SampleBuffer.Content? in
      renew(&state)
      let tag = isQuick ? tag(of: .scripted, &state) : tag(of: text, &state)
      return add(StatementSample(tag: tag, run), &state)
    }
    if let full { monitor.merge(full) }
    guard run.nanoseconds >= monitor.slowNanoseconds else { return }
    let start = UnsafeBufferPointer(rebasing: text.prefix(StatementFingerprint.sourceMax))
    let sql = String(decoding: start, as: UTF8.self)
    monitor.add(
      SlowStatement(StatementText(sql: sql, range: 0..<sql.utf8.count, job: job), run))
  }

  /// A fingerprint costs some 1 µs.
  private static let quickNanoseconds: Int64 = 100_000

  /// Forgets tags that may be out of date.
  private func renew(_ state: inout State) {
    let generation = monitor.generation
    if state.generation == generation { return }
    state.tags.removeAll()
    state.generation = generation
  }

  private func tag(of text: UnsafeBufferPointer<UInt8>, _ state: inout State) -> UInt64 {
    StatementFingerprint.withHash(of: text) { hash, text in
      if let tag = state.tags[hash] { return tag }
      return tag(of: StatementFingerprint(hash: hash, text: text), &state)
    }
  }

  private func tag(of fingerprint: StatementFingerprint, _ state: inout State) -> UInt64 {
    if let tag = state.tags[fingerprint.hash] { return tag }
    let tag = monitor.tag(of: fingerprint)
    state.tags[fingerprint.hash] = tag
    return tag
  }

  private func add(
    _ sample: StatementSample, _ state: inout State
  ) -> SampleBuffer.Content? {
    state.content.samples.append(sample)
    return state.content.samples.count < Self.samplesMax ? nil : state.take()
  }
}

/// What one recorder has noted and the monitor not yet collected; outlives the recorder until then.
final class SampleBuffer: Sendable {
  struct Content: Sendable {
    var samples: [StatementSample] = []
    var uses = StatementUses()
  }

  struct State: Sendable {
    var content = Content()
    /// Tags by fingerprint, for statements that no cache keeps.
    var tags = TagMemory()
    var generation: UInt32 = 0

    mutating func take() -> Content {
      defer {
        content.samples.removeAll(keepingCapacity: true)
        content.uses = StatementUses()
      }
      return content
    }
  }

  private let state = Monitor(State())
  private let closed = Atomic(false)

  func withLock<Result>(_ body: (inout State) -> Result) -> Result { state.withLock { body(&$0) } }

  func take() -> Content { state.withLock { $0.take() } }

  /// Nothing more is noted. No lock: the monitor asks under its own, which recorders ask for under
  /// the buffer's.
  func close() { closed.store(true, ordering: .releasing) }

  var isClosed: Bool { closed.load(ordering: .acquiring) }
}

/// The tags of fingerprints met lately, each in the one place that its hash gives it.
struct TagMemory: Sendable {
  private static let places = 256
  private var entries: [(hash: UInt64, tag: UInt64)] = []

  subscript(hash: UInt64) -> UInt64? {
    get {
      guard !entries.isEmpty else { return nil }
      let entry = entries[Int(hash % UInt64(Self.places))]
      return entry.hash == hash && entry.tag != 0 ? entry.tag : nil
    }
    set {
      if entries.isEmpty { entries = Array(repeating: (0, 0), count: Self.places) }
      entries[Int(hash % UInt64(Self.places))] = (hash, newValue ?? 0)
    }
  }

  mutating func removeAll() { entries.removeAll() }
}

/// Where one statement's text stands in a text that may hold several.
struct StatementText: Sendable {
  var sql: String
  /// UTF-8 offsets.
  var range: Range<Int>
  /// The name of the job that it belongs to.
  var job: String

  var fingerprint: StatementFingerprint { withBytes { StatementFingerprint(of: $0) } }

  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    var sql = sql
    return sql.withUTF8 { bytes in
      body(UnsafeBufferPointer(rebasing: bytes[range.clamped(to: bytes.indices)]))
    }
  }

  /// At most `limit` bytes of it, and whether that is all.
  func text(limit: Int) -> (text: String, isWhole: Bool) {
    let utf8 = sql.utf8.dropFirst(range.lowerBound).prefix(min(limit, range.count))
    return (String(decoding: utf8, as: UTF8.self), range.count <= limit)
  }
}

extension StatementSample {
  init(tag: UInt64, _ run: StatementRun) {
    self.init(tag: tag, nanoseconds: run.nanoseconds)
    rows = UInt32(clamping: run.rows)
    changes = run.changes
    isError = run.isError
  }
}

/// How one run of a statement went.
struct StatementRun: Sendable {
  var nanoseconds: Int64
  /// Rows returned.
  var rows: Int
  var changes: Int64
  var isError: Bool
}

/// Where a job's statements are noted; nil in its place costs a check.
struct MonitorSink: Sendable {
  let recorder: StatementRecorder
  let job: String

  init?(_ recorder: StatementRecorder?, job: String) {
    guard let recorder else { return nil }
    self.recorder = recorder
    self.job = job
  }

  /// Notes a run that began at `started` and ended at `ended`, or ends now with an error; one that
  /// was stopped to make room for others is none.
  func record(
    _ statement: Statement, in sql: String, _ range: Range<Int>, since started: MonotonicTime,
    until ended: MonotonicTime?, rows: Int, changes: Int64, stop: Interrupt.Reason?
  ) {
    let isError =
      switch stop {
      case _ where ended != nil: false
      case nil, .timeout: true
      case .groupWindow, .cancelled, .preempted, .stopping, .expired: false
      }
    recorder.record(
      statement, StatementText(sql: sql, range: range, job: job),
      StatementRun(
        nanoseconds: (ended ?? .now()).nanoseconds - started.nanoseconds, rows: rows,
        changes: changes, isError: isError))
  }
}
