import JSON
import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Sluice

/// An engine on a database of its own in a new directory, with everything it delivered and reported.
final class EngineFixture: Sendable {
  private struct Log: Sendable {
    var outcomes: [Outcome] = []
    var sequences: [Int64: [Int]] = [:]
    var reports: [String] = []
  }

  let directory: String
  let path: String
  let engine: Engine
  private let log: Monitor<Log>
  private let lastSequence = Atomic<Int64>(0)
  private let ownsDirectory: Bool

  /// - Parameters:
  ///   - shared: another fixture's database is used; nil makes one.
  ///   - schema: SQL run before the engine opens the database.
  init(
    schema: String = "", in shared: EngineFixture? = nil, at given: String? = nil,
    rows: (any RowStore)? = nil, observer: any RunObserver = SilentObserver(),
    _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws {
    directory = try shared?.directory ?? given ?? TemporarySpool.makeDirectory()
    ownsDirectory = shared == nil && given == nil
    path = directory + "/main.db"
    if !schema.isEmpty {
      let connection = try Connection(path: path, role: .writer)
      try connection.execute(schema)
    }
    var configuration = EngineConfiguration(path: path)
    configuration.spool = 1
    // A debug build takes longer than the real window for a group of any size.
    configuration.groupWindow = 5
    change(&configuration)
    let log = Monitor(Log())
    self.log = log
    engine = try Engine(
      configuration, observer: observer, rows: rows,
      report: { line in
        log.withLock { $0.reports.append(line) }
        log.broadcast()
      },
      deliver: { outcomes in
        log.withLock { log in
          for outcome in outcomes {
            log.sequences[outcome.ticket.sequence, default: []].append(log.outcomes.count)
            log.outcomes.append(outcome)
          }
        }
        log.broadcast()
      })
  }

  deinit {
    engine.stop()
    if ownsDirectory { TemporarySpool.remove(directory) }
  }

  // MARK: Submitting

  func ticket(
    _ job: Job, priority: Priority = .normal, name: String? = nil, content: UInt64 = 0
  ) -> JobTicket {
    let sequence = lastSequence.wrappingAdd(1, ordering: .relaxed).newValue
    var job = job
    job.priority = job.priority ?? priority
    return JobTicket(
      sequence: sequence, name: name ?? "job-\(sequence).json",
      identity: FileIdentity(
        device: 1, inode: UInt64(sequence), birth: 0, modified: 0, size: 0, hash: content),
      job: job, priority: job.priority ?? priority, arrived: .now())
  }

  /// Submits one job; its sequence number tells its outcome.
  @discardableResult
  func submit(_ job: Job, priority: Priority = .normal, content: UInt64 = 0) -> Int64 {
    let ticket = ticket(job, priority: priority, content: content)
    engine.submit([ticket])
    return ticket.sequence
  }

  @discardableResult
  func submit(_ sql: String, _ values: Value...) -> Int64 {
    submit(Job(sql, values))
  }

  /// Submits and waits.
  @discardableResult
  func run(_ job: Job, priority: Priority = .normal, content: UInt64 = 0) throws -> TestResult {
    try result(submit(job, priority: priority, content: content))
  }

  @discardableResult
  func run(_ sql: String, _ values: Value...) throws -> TestResult {
    try run(Job(sql, values))
  }

  /// Lets `body` submit jobs while the writer cannot begin, so that they share one group.
  func inOneGroup<Result>(_ body: () throws -> Result) throws -> Result {
    let lock = try Connection(path: path, role: .writer)
    try lock.execute("BEGIN IMMEDIATE")
    let result = try body()
    try lock.execute("ROLLBACK")
    return result
  }

  // MARK: What came of it

  /// The only outcome of a job, waited for.
  func result(_ sequence: Int64, within seconds: Double = 30) throws -> TestResult {
    let outcome = try #require(
      wait(within: seconds) { log in
        log.sequences[sequence]?.first.map { log.outcomes[$0] }
      }, "no outcome of job \(sequence)")
    return try TestResult(outcome)
  }

  func results(_ sequences: [Int64]) throws -> [TestResult] { try sequences.map { try result($0) } }

  private func wait<Result>(
    within seconds: Double, _ body: (Log) -> Result?
  ) -> Result? {
    log.wait(until: .now().advanced(bySeconds: seconds)) { body($0) }
  }

  /// Waits for a report that contains `text`.
  func report(_ text: String, within seconds: Double = 30) -> String? {
    wait(within: seconds) { log in log.reports.first { $0.contains(text) } }
  }

  var reports: [String] { log.withLock { $0.reports } }

  /// How many outcomes were delivered for each job.
  var outcomeCounts: [Int64: Int] { log.withLock { $0.sequences.mapValues(\.count) } }

  /// All outcomes so far, in the order of delivery.
  var outcomes: [Outcome] { log.withLock { $0.outcomes } }

  func hasOutcome(_ sequence: Int64) -> Bool { outcomeCounts[sequence] != nil }

  // MARK: Looking at the database

  /// First column of all rows, read by a connection beside the engine.
  func values(_ sql: String) throws -> [Value] {
    let connection = try Connection(path: path, role: .reader)
    let statement = try connection.prepareOwn(sql)
    var values: [Value] = []
    while try statement.step() { values.append(statement.value(0)) }
    return values
  }

  func integer(_ sql: String) throws -> Int64? {
    guard case .integer(let number) = try values(sql).first else { return nil }
    return number
  }
}

/// A result document that is looked into by JSON Pointer.
struct TestResult {
  let outcome: Outcome
  private let node: JSONNode

  init(_ outcome: Outcome) throws {
    self.outcome = outcome
    node = try JSONReader.parse(outcome.result)
  }

  var status: JobStatus { outcome.status }
  var code: String? { find("error/code")?.string }
  var kind: String? { find("error/kind")?.string }
  var message: String { find("error/message")?.string ?? "" }
  var hint: String { find("error/hint")?.string ?? "" }
  var commit: Int64? { find("commit")?.integer }
  /// JSON text of the first statement's rows.
  var rows: String? { self["statements/0/rows"] }

  /// JSON text of the value there, as it was written.
  subscript(pointer: String) -> String? {
    find(pointer).map { String(decoding: outcome.result[$0.range], as: UTF8.self) }
  }

  /// Names of the members there, in order.
  func keys(_ pointer: String = "") -> [String] { find(pointer)?.object?.map(\.key) ?? [] }

  func number(_ pointer: String) -> Double? { find(pointer)?.number }

  private func find(_ pointer: String) -> JSONNode? {
    var node: JSONNode? = node
    for step in pointer.split(separator: "/") {
      node = Int(step).map { node?[$0] } ?? node?[String(step)]
    }
    return node
  }
}

private struct SilentObserver: RunObserver {
  func writerStarts(sequence: Int64, index: Int) {}
  func writerRests() {}
  func reader(_ slot: Int, starts sequence: Int64) {}
  func readerRests(_ slot: Int) {}
}

extension Job {
  /// One statement with positional values.
  init(_ sql: String, _ values: [Value] = []) {
    self.init(statements: [JobStatement(sql, values)])
  }

  func with(_ change: (inout Job) -> Void) -> Job {
    var job = self
    change(&job)
    return job
  }
}

extension JobStatement {
  init(_ sql: String, _ values: [Value] = [], expect: Sluice.Expectation? = nil) {
    self.init(
      sql: sql,
      parameters: values.isEmpty ? .none : .once(.positional(values.map { .value($0) })),
      expect: expect)
  }
}

extension Monitor where State: Copyable {
  /// Polls by signal: what `body` sees is a copy.
  func wait<Result>(until deadline: MonotonicTime, _ body: (State) -> Result?) -> Result? {
    wait(for: 0, until: deadline) { (state: inout State) in body(state) }
  }
}

/// Waits for `condition` within a bound; used where there is nothing to be signalled by.
func eventually(within seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = MonotonicTime.now().advanced(bySeconds: seconds)
  while MonotonicTime.now() < end {
    if try condition() { return true }
    Pause.milliseconds(2)
  }
  return try condition()
}
