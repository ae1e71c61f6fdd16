import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Sluice

/// The library as a program without a spool uses it.
@Suite("A program's own calls", .timeLimit(.minutes(1)))
struct DatabaseTests {
  private static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

  private func withDatabase(
    schema: String = "CREATE TABLE t(a)", _ change: (inout EngineConfiguration) -> Void = { _ in },
    _ body: (Database, String) async throws -> Void
  ) async throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let path = directory + "/main.db"
    var configuration = EngineConfiguration(path: path)
    change(&configuration)
    let database = try Database(configuration)
    try await database.transactions.run(schema)
    try await body(database, path)
    await database.close()
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
    try await withDatabase { database, _ in
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
    }
  }

  @Test("calls that wait together are answered by priority and share commits")
  func priorities() async throws {
    try await withDatabase { database, path in
      let lock = try Connection(path: path, role: .writer)
      try lock.execute("BEGIN IMMEDIATE")
      let lanes: [Priority] = [.bulk, .low, .normal, .high, .urgent]
      let calls = (0..<50).map { number in
        Task {
          try await database.transactions.run(
            "INSERT INTO t VALUES(?)", [.integer(Int64(number))], priority: lanes[number % 5])
        }
      }
      #expect(eventually { database.engine.load.writes == 50 })
      try lock.execute("ROLLBACK")
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
    }
  }

  @Test("after an error nothing is left, and the first error is the one thrown")
  func rollback() async throws {
    try await withDatabase(schema: "CREATE TABLE t(a UNIQUE)") { database, _ in
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
    }
  }

  @Test("an id makes a call happen once; another statement under it is refused")
  func idempotent() async throws {
    try await withDatabase { database, _ in
      let first = try await database.transactions.run("INSERT INTO t VALUES(1)", id: "a")
      let again = try await database.transactions.run("INSERT INTO t VALUES(1)", id: "a")
      #expect(first.duplicateOf == nil && again.duplicateOf == "a" && again.commit == first.commit)
      let other = await failure {
        try await database.transactions.run("INSERT INTO t VALUES(?)", [.integer(1)], id: "a")
      }
      #expect(other?.code == "SLUICE_DUPLICATE")
      #expect(try await database.cursor.read("SELECT count(*) FROM t").rows == [[.integer(1)]])
    }
  }

  @Test("rows are streamed however many they are, and reading may stop at any of them")
  func streaming() async throws {
    try await withDatabase { database, _ in
      try await database.transactions.run(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000)
        INSERT INTO t SELECT i FROM n
        """)
      let sequence = database.cursor.rows("SELECT a, 'x' FROM t WHERE a > ?", [.integer(10)])
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
      #expect(eventually { database.engine.pool.statistics.lent == 0 })
      for try await _ in database.cursor.rows("SELECT a FROM t WHERE 0") { Issue.record("a row") }
    }
  }

  @Test("what is wrong with a streamed read is thrown, before or between its rows")
  func streamedErrors() async throws {
    try await withDatabase { database, _ in
      func error(_ sql: String, timeout: Double? = nil) async -> JobError? {
        await failure { for try await _ in database.cursor.rows(sql, timeout: timeout) {} }
      }
      #expect(await error("SELECT nothing")?.code == "SQLITE_ERROR")
      #expect(await error("INSERT INTO t VALUES(1)")?.code == "SLUICE_BAD_JOB")
      #expect(await error(Self.endless, timeout: 0.05)?.code == "SLUICE_TIMEOUT")
      let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"
      let iterator = database.cursor.rows(numbers, timeout: 0.2).makeAsyncIterator()
      let first = try await iterator.next()
      #expect(first == [.integer(1)])
      // Nobody takes the rows for as long as the read may last.
      #expect(eventually { database.engine.pool.statistics.lent == 0 })
      let late = await failure { while try await iterator.next() != nil {} }
      #expect(late?.kind == .timeout)
    }
  }

  @Test("a call that is cancelled, or out of time, ends early and leaves nothing")
  func early() async throws {
    try await withDatabase { database, path in
      let running = Task { try await database.cursor.read(Self.endless) }
      #expect(eventually { database.engine.pool.statistics.lent == 1 })
      running.cancel()
      #expect(await failure { _ = try await running.value }?.code == "SLUICE_CANCELLED")

      let stream = Task { for try await _ in database.cursor.rows(Self.endless) {} }
      #expect(eventually { database.engine.pool.statistics.lent == 1 })
      stream.cancel()
      #expect(await failure { try await stream.value }?.code == "SLUICE_CANCELLED")
      #expect(eventually { database.engine.pool.statistics.lent == 0 })

      let limited = await failure {
        try await database.transactions.run("INSERT INTO t \(Self.endless)", limit: 0.1)
      }
      #expect(limited?.code == "SLUICE_EXPIRED")

      let lock = try Connection(path: path, role: .writer)
      try lock.execute("BEGIN IMMEDIATE")
      let waiting = Task { try await database.transactions.run("INSERT INTO t VALUES(1)") }
      #expect(eventually { database.engine.load.writes == 1 })
      waiting.cancel()
      try lock.execute("ROLLBACK")
      #expect(await failure { _ = try await waiting.value }?.code == "SLUICE_CANCELLED")
      #expect(try await database.cursor.read("SELECT count(*) FROM t").rows == [[.integer(0)]])
    }
  }

  @Test("a foreign process that keeps the lock is named when the time is over")
  func foreignLock() async throws {
    try await withDatabase {
      $0.connectionTimeout = 0.05
      $0.maxRetries = 1
    } _: { database, path in
      let other = try SQLProcess(database: path)
      try other.run("BEGIN IMMEDIATE")
      let error = await failure { try await database.transactions.run("INSERT INTO t VALUES(1)") }
      #expect(error?.kind == .lockTimeout && error?.code == "SLUICE_BUSY")
      #expect(error?.message.contains("process \(other.pid)") == true, "\(error?.message ?? "")")
      try other.run("ROLLBACK")
      try await database.transactions.run("INSERT INTO t VALUES(1)")
    }
  }

  @Test("a repeated read comes from the cache until its table is written to")
  func cached() async throws {
    try await withDatabase { database, _ in
      func read() async throws -> CallResult {
        try await database.cursor.read("SELECT count(*) FROM t", cache: 60)
      }
      #expect(try await read().isCached == false)
      #expect(try await read().isCached == true)
      try await database.transactions.run("INSERT INTO t VALUES(1)")
      let fresh = try await read()
      #expect(fresh.rows == [[.integer(1)]] && !fresh.isCached)
      #expect(database.engine.cache.statistics.hits == 1)
    }
  }

  @Test("what a long result holds is whole, and the engine's parts tell what was done")
  func wholeResult() async throws {
    try await withDatabase {
      $0.monitor = QueryMonitor(slowSeconds: 1)
    } _: { database, _ in
      let read = try await database.cursor.read(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000) SELECT i FROM n")
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
      #expect(snapshot.monitor?.transactions.contains { $0.end.outcome == .committed } == true)
    }
  }

  @Test("closing answers every call, and later ones are refused")
  func closing() async throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let database = try Database(EngineConfiguration(path: directory + "/main.db"))
    let calls = (0..<4).map { _ in Task { try await database.cursor.read(Self.endless) } }
    let stream = Task { for try await _ in database.cursor.rows(Self.endless) {} }
    #expect(eventually { database.engine.pool.statistics.lent == 5 })
    await database.close()
    for call in calls { #expect(await failure { _ = try await call.value }?.kind == .worker) }
    #expect(await failure { try await stream.value }?.kind == .worker)
    let late = await failure { try await database.transactions.run("SELECT 1") }
    #expect(late?.kind == .worker)
  }
}
