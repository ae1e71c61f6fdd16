import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Sluice

/// The library as a program without a spool uses it.
@Suite("A program's own calls", .timeLimit(.minutes(2)))
struct DatabaseTests {
  private static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

  /// A database of its own, in a directory of its own.
  private final class Fixture: Sendable {
    let database: Database
    let path: String
    private let directory: String

    init(
      schema: String = "CREATE TABLE t(a)", _ change: (inout EngineConfiguration) -> Void = { _ in }
    ) throws {
      directory = try TemporarySpool.makeDirectory()
      path = directory + "/main.db"
      let connection = try Connection(path: path, role: .writer)
      try connection.execute(schema)
      var configuration = EngineConfiguration(path: path)
      change(&configuration)
      database = try Database(configuration)
    }

    deinit { TemporarySpool.remove(directory) }
  }

  /// As `eventually`, without keeping the thread from the task that is waited for.
  private func soon(_ condition: () -> Bool) async -> Bool {
    let end = MonotonicTime.now().advanced(bySeconds: 50)
    while MonotonicTime.now() < end {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return condition()
  }

  private func failure(_ body: () async throws -> Void) async -> JobError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? JobError
    }
  }

  @Test("a write is done when its call returns, and a read after it sees it")
  func writeThenRead() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    let values: [Value] = [.integer(.max), .real(1.5), .text("é"), .blob([0, 255]), .null]
    for (index, value) in values.enumerated() {
      let written = try await database.transactions.run("INSERT INTO t VALUES(?)", [value])
      #expect(written.changes == 1 && written.commit != nil && written.attempts == 1)
      #expect(written.statements[0].lastInsertRowid == Int64(index + 1))
    }
    let read = try await database.cursor.read("SELECT a, rowid AS n FROM t ORDER BY n")
    #expect(read.statements[0].columns == ["a", "n"])
    #expect(read.rows.map { $0[0] } == values && read.commit == nil)
    // Text that looks like a number is text, and infinity comes through JSON.
    let odd = try await database.cursor.read("SELECT '1', 9e999, -9e999, 0.1")
    #expect(odd.rows == [[.text("1"), .real(.infinity), .real(-.infinity), .real(0.1)]])
    await database.close()
  }

  @Test("calls that wait together are answered by priority and share commits")
  func priorities() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    let lock = try SQLProcess(database: fixture.path)
    try lock.run("BEGIN IMMEDIATE")
    let lanes: [Priority] = [.bulk, .low, .normal, .high, .urgent]
    let calls = (0..<50).map { number in
      Task {
        try await database.transactions.run(
          "INSERT INTO t VALUES(?)", [.integer(Int64(number))], priority: lanes[number % 5])
      }
    }
    #expect(await soon { database.engine.load.writes == 50 })
    try lock.run("ROLLBACK")
    var commits: [Priority: [Int64]] = [:]
    for (number, call) in calls.enumerated() {
      commits[lanes[number % 5], default: []].append(try await call.value.commit ?? 0)
    }
    #expect(commits[.urgent]?.max() ?? 0 < commits[.high]?.min() ?? 0)
    #expect(Set(commits.values.joined()).count < 10)
    // The writer may have begun to wait with one of any lane before the others came.
    let rows = try await database.cursor.read("SELECT a % 5 FROM t WHERE a > 0").rows
    let order = rows.map { $0[0] }.filter { $0 != .integer(0) }
    #expect(order.prefix(9).allSatisfy { $0 == .integer(4) })
    await database.close()
  }

  @Test("after an error nothing is left, and the first error is the one thrown")
  func rollback() async throws {
    let fixture = try Fixture(schema: "CREATE TABLE t(a UNIQUE)")
    let database = fixture.database
    let statements = [
      JobStatement(sql: "INSERT INTO t VALUES(1)", values: []),
      JobStatement(sql: "INSERT INTO t VALUES(1)", values: []),
      JobStatement(sql: "INSERT INTO nowhere VALUES(1)", values: []),
    ]
    for isolation in [IsolationLevel.deferred, .immediate, .exclusive] {
      let error = await failure {
        try await database.transactions.run(statements, isolation: isolation)
      }
      #expect(error?.kind == .constraint && error?.code == "SQLITE_CONSTRAINT_UNIQUE")
      #expect(error?.statement == 1 && error?.number == 2067)
      #expect(try await database.cursor.read("SELECT a FROM t").rows.isEmpty)
      let done = try await database.transactions.run(
        "INSERT INTO t VALUES(2); DELETE FROM t", isolation: isolation)
      #expect(done.changes == 2)
    }
    await database.close()
  }

  @Test("an id makes a call happen once; another statement under it is refused")
  func idempotent() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    let first = try await database.transactions.run("INSERT INTO t VALUES(1)", id: "a")
    let again = try await database.transactions.run("INSERT INTO t VALUES(1)", id: "a")
    #expect(first.duplicateOf == nil && again.duplicateOf == "a" && again.commit == first.commit)
    let other = await failure {
      try await database.transactions.run("INSERT INTO t VALUES(?)", [.integer(1)], id: "a")
    }
    #expect(other?.code == "SLUICE_DUPLICATE")
    #expect(try await database.cursor.read("SELECT count(*) FROM t").rows == [[.integer(1)]])
    await database.close()
  }

  @Test("rows are streamed however many they are, and reading may stop at any of them")
  func streaming() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    try await database.transactions.run(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000)
      INSERT INTO t SELECT i FROM n
      """)
    // Tasks may get no thread for long while other tests hold all of them.
    let sequence = database.cursor.rows(
      "SELECT a, 'x' FROM t WHERE a > ?", [.integer(10)], timeout: 600)
    for _ in 1...2 {
      var sum: Int64 = 0
      var count = 0
      for try await row in sequence {
        if case .integer(let number) = row[0] { sum += number }
        count += 1
      }
      #expect(count == 199_990 && sum == 200_000 * 200_001 / 2 - 55)
    }
    for try await row in sequence where row[0] == .integer(12) { break }
    // A read that nobody goes on with lets its connection go.
    #expect(await soon { database.engine.pool.statistics.lent == 0 })
    for try await _ in database.cursor.rows("SELECT a FROM t WHERE 0") { Issue.record("a row") }
    await database.close()
  }

  @Test("what is wrong with a streamed read is thrown, before or between its rows")
  func streamedErrors() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    func error(_ sql: String, timeout: Double? = nil) async -> JobError? {
      await failure { for try await _ in database.cursor.rows(sql, timeout: timeout) {} }
    }
    #expect(await error("SELECT nothing")?.code == "SQLITE_ERROR")
    #expect(await error("INSERT INTO t VALUES(1)")?.code == "SLUICE_BAD_JOB")
    #expect(await error(Self.endless, timeout: 0.05)?.code == "SLUICE_TIMEOUT")
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"
    let iterator = database.cursor.rows(numbers, timeout: 2).makeAsyncIterator()
    let first = try await iterator.next()
    #expect(first == [.integer(1)])
    // Nobody takes the rows for as long as the read may last.
    #expect(await soon { database.engine.pool.statistics.lent == 0 })
    let late = await failure { while try await iterator.next() != nil {} }
    #expect(late?.kind == .timeout)
    await database.close()
  }

  @Test("a read that is cancelled ends early, whether it is gathered or streamed")
  func cancelledRead() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    let running = Task { _ = try await database.cursor.read(Self.endless) }
    #expect(await soon { database.engine.pool.statistics.lent == 1 })
    running.cancel()
    let first = await failure { try await running.value }
    #expect(first?.code == "SLUICE_CANCELLED")

    let stream = Task { for try await _ in database.cursor.rows(Self.endless) {} }
    #expect(await soon { database.engine.pool.statistics.lent == 1 })
    stream.cancel()
    let second = await failure { try await stream.value }
    #expect(second?.code == "SLUICE_CANCELLED")
    #expect(await soon { database.engine.pool.statistics.lent == 0 })
    await database.close()
  }

  @Test("a write that is out of time, or cancelled while it waits, leaves nothing")
  func cancelledWrite() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    let limited = await failure {
      try await database.transactions.run("INSERT INTO t \(Self.endless)", limit: 0.1)
    }
    #expect(limited?.code == "SLUICE_EXPIRED")

    let lock = try SQLProcess(database: fixture.path)
    try lock.run("BEGIN IMMEDIATE")
    let waiting = Task { _ = try await database.transactions.run("INSERT INTO t VALUES(1)") }
    #expect(await soon { database.engine.load.writes == 1 })
    waiting.cancel()
    // Taken back while the lock is held, and told when its end can be recorded.
    #expect(await soon { database.engine.snapshot().lanes.allSatisfy { $0.writes == 0 } })
    try lock.run("ROLLBACK")
    let cancelled = await failure { try await waiting.value }
    #expect(cancelled?.code == "SLUICE_CANCELLED")
    let left = try await database.cursor.read("SELECT count(*) FROM t")
    #expect(left.rows == [[.integer(0)]])
    await database.close()
  }

  @Test("a foreign process that keeps the lock is named when the time is over")
  func foreignLock() async throws {
    let fixture = try Fixture {
      $0.connectionTimeout = 0.05
      $0.maxRetries = 1
    }
    let database = fixture.database
    let other = try SQLProcess(database: fixture.path)
    try other.run("BEGIN IMMEDIATE")
    let error = await failure { try await database.transactions.run("INSERT INTO t VALUES(1)") }
    #expect(error?.kind == .lockTimeout && error?.code == "SLUICE_BUSY")
    #expect(error?.message.contains("process \(other.pid)") == true, "\(error?.message ?? "")")
    try other.run("ROLLBACK")
    try await database.transactions.run("INSERT INTO t VALUES(1)")
    await database.close()
  }

  @Test("a repeated read comes from the cache until its table is written to")
  func cached() async throws {
    let fixture = try Fixture()
    let database = fixture.database
    func read() async throws -> CallResult {
      try await database.cursor.read("SELECT count(*) FROM t", cache: 60)
    }
    #expect(try await read().isCached == false)
    #expect(try await read().isCached == true)
    try await database.transactions.run("INSERT INTO t VALUES(1)")
    let fresh = try await read()
    #expect(fresh.rows == [[.integer(1)]] && !fresh.isCached)
    #expect(database.engine.cache.statistics.hits == 1)
    await database.close()
  }

  @Test("what a long result holds is whole, and the engine's parts tell what was done")
  func wholeResult() async throws {
    let fixture = try Fixture {
      $0.monitor = QueryMonitor(slowSeconds: 1)
    }
    let database = fixture.database
    let read = try await database.cursor.read(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000) SELECT i FROM n"
    )
    #expect(read.rows.count == 100_000 && read.rows.last == [.integer(100_000)])
    let rows = try database.engine.pool.withConnection(.high) { connection throws(JobError) in
      try connection.rows("SELECT ?1 + 1", [.integer(41)])
    }
    #expect(rows == [[.integer(42)]])
    let refused = #expect(throws: JobError.self) {
      try database.engine.pool.withConnection { connection throws(JobError) in
        try connection.rows("DELETE FROM t")
      }
    }
    #expect(refused != nil)
    let snapshot = database.engine.snapshot()
    #expect(snapshot.monitor?.statements.isEmpty == false && snapshot.pool.uses >= 2)
    #expect(snapshot.cache.failures == 0 && snapshot.load == (0, 0))
    await database.close()
  }

  @Test("closing answers every call, and later ones are refused")
  func closing() async throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let database = try Database(EngineConfiguration(path: directory + "/main.db"))
    let calls = (0..<4).map { _ in Task { try await database.cursor.read(Self.endless) } }
    let stream = Task { for try await _ in database.cursor.rows(Self.endless) {} }
    #expect(await soon { database.engine.pool.statistics.lent == 5 })
    await database.close()
    for call in calls { #expect(await failure { _ = try await call.value }?.kind == .worker) }
    #expect(await failure { try await stream.value }?.kind == .worker)
    let late = await failure { try await database.transactions.run("SELECT 1") }
    #expect(late?.kind == .worker)
  }
}
