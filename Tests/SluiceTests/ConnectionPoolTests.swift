import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Sluice

@Suite("ConnectionPool")
struct ConnectionPoolTests {
  private final class Fixture {
    let directory: String
    let pool: ConnectionPool

    init(_ change: (inout ConnectionPool.Configuration) -> Void = { _ in }) throws {
      directory = try TemporarySpool.makeDirectory()
      let writer = try Connection(path: directory + "/main.db", role: .writer)
      try writer.execute("CREATE TABLE t(a)")
      var configuration = ConnectionPool.Configuration(path: directory + "/main.db")
      configuration.size = 2
      configuration.timeout = 0.02
      change(&configuration)
      pool = ConnectionPool(configuration)
    }

    deinit { TemporarySpool.remove(directory) }
  }

  @Test("a connection that was given back is lent again; new ones are opened only when needed")
  func reuse() throws {
    let fixture = try Fixture()
    let first = try fixture.pool.acquire(.normal)
    fixture.pool.release(first, .reuse)
    let second = try fixture.pool.acquire(.normal)
    #expect(first === second)
    let third = try fixture.pool.acquire(.normal)
    #expect(third !== second)
    #expect(fixture.pool.statistics.open == 2 && fixture.pool.statistics.lent == 2)
  }

  @Test("whoever finds all connections lent for too long is told so")
  func timeout() throws {
    let fixture = try Fixture()
    let lent = [try fixture.pool.acquire(.normal), try fixture.pool.acquire(.normal)]
    let error = #expect(throws: JobError.self) { _ = try fixture.pool.acquire(.urgent) }
    #expect(error?.kind == .connection && error?.code == "SQLITE_BUSY" && error?.retryable == true)
    #expect(error?.hint?.contains("pool_size") == true)
    #expect(fixture.pool.statistics.timeouts == 1 && fixture.pool.statistics.waiting == 0)
    for connection in lent { fixture.pool.release(connection, .reuse) }
    fixture.pool.release(try fixture.pool.acquire(.normal), .reuse)
  }

  @Test("those who wait are served by priority, then by arrival")
  func fairness() throws {
    let fixture = try Fixture {
      $0.size = 1
      $0.timeout = 20
    }
    let pool = fixture.pool
    let lent = try pool.acquire(.normal)
    let order = Monitor<[String]>([])
    var threads: [OwnedThread] = []
    for (index, priority) in [Priority.bulk, .normal, .urgent, .normal].enumerated() {
      threads.append(
        try OwnedThread(name: "waiter") {
          guard let connection = try? pool.acquire(priority) else { return }
          order.withLock { $0.append("\(priority.name) \(index)") }
          pool.release(connection, .reuse)
        })
      #expect(eventually { pool.statistics.waiting == index + 1 })
    }
    pool.release(lent, .reuse)
    for thread in threads { thread.join() }
    #expect(order.withLock { $0 } == ["urgent 2", "normal 1", "normal 3", "bulk 0"])
    #expect(pool.statistics.opened == 1)
  }

  @Test("a connection is replaced after its uses, at its age, and by its borrower's verdict")
  func recycling() throws {
    let byUses = try Fixture { $0.usesMax = 2 }
    for _ in 0..<4 { byUses.pool.release(try byUses.pool.acquire(.normal), .reuse) }
    #expect(byUses.pool.statistics.opened == 2 && byUses.pool.statistics.recycled == 2)

    let byAge = try Fixture { $0.ageMax = 0 }
    byAge.pool.release(try byAge.pool.acquire(.normal), .reuse)
    #expect(byAge.pool.statistics.recycled == 1 && byAge.pool.statistics.open == 0)

    let byVerdict = try Fixture()
    byVerdict.pool.release(try byVerdict.pool.acquire(.normal), .discard)
    #expect(byVerdict.pool.statistics.recycled == 1)
    byVerdict.pool.release(try byVerdict.pool.acquire(.normal), .suspect)
    #expect(byVerdict.pool.statistics.recycled == 1 && byVerdict.pool.statistics.open == 1)
  }

  @Test("a connection is checked before it is lent where it has rested or met an error, else not")
  func health() throws {
    let rested = try Fixture { $0.idleCheck = 0 }
    let connection = try rested.pool.acquire(.normal)
    rested.pool.release(connection, .reuse)
    #expect(try rested.pool.acquire(.normal) === connection)
    #expect(rested.pool.statistics.checks == 1)

    let fixture = try Fixture()
    for (verdict, checks) in [(ConnectionVerdict.reuse, 0), (.suspect, 1), (.reuse, 1)] {
      fixture.pool.release(try fixture.pool.acquire(.normal), verdict)
      fixture.pool.release(try fixture.pool.acquire(.normal), .reuse)
      #expect(fixture.pool.statistics.checks == checks)
    }
    #expect(fixture.pool.statistics.opened == 1)
    let error = #expect(throws: JobError.self) {
      try fixture.pool.withConnection { connection throws(JobError) in try connection.rows("SELEC")
      }
    }
    #expect(error?.kind == .sql)
    #expect(try fixture.pool.withConnection { $0.uses } == 7)
    #expect(fixture.pool.statistics.checks == 2)
  }

  @Test("a connection that does not answer is replaced before it is lent")
  func unhealthy() throws {
    let fixture = try Fixture()
    let broken = try fixture.pool.acquire(.normal)
    // A transaction that was left open is what nobody may be lent.
    try broken.connection.execute("BEGIN")
    fixture.pool.release(broken, .suspect)
    let next = try fixture.pool.acquire(.normal)
    #expect(next !== broken)
    let statistics = fixture.pool.statistics
    #expect(statistics.recycled == 1 && statistics.opened == 2 && statistics.open == 1)
  }

  @Test("those who waited are counted with their waiting, those who did not are not")
  func waits() throws {
    let fixture = try Fixture { $0.size = 1 }
    let lent = try fixture.pool.acquire(.normal)
    #expect(fixture.pool.statistics.waits == 0)
    _ = try? fixture.pool.acquire(.normal)
    let statistics = fixture.pool.statistics
    #expect(statistics.waits == 1 && statistics.timeouts == 1)
    #expect(statistics.waitSeconds >= 0.02 && statistics.waitLongest == statistics.waitSeconds)
    fixture.pool.release(lent, .discard)
    #expect(
      fixture.pool.statistics.lifetimeSeconds > 0 && fixture.pool.statistics.oldestSeconds == 0)
  }

  @Test("what nobody has needed for long is closed, and opened again on demand")
  func rest() throws {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") { $0.poolIdle = 0.1 }
    #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[0]]")
    #expect(eventually { fixture.engine.pool.statistics.open == 0 })
    #expect(fixture.engine.pool.statistics.rested == 1)
    #expect(try fixture.run("SELECT count(*) FROM t").rows == "[[0]]")
    #expect(fixture.engine.pool.statistics.opened == 2)
  }

  @Test("a database that cannot be opened is an error that may pass, and frees its place")
  func cannotOpen() throws {
    let pool = ConnectionPool(ConnectionPool.Configuration(path: "/nonexistent/main.db"))
    let error = #expect(throws: JobError.self) { _ = try pool.acquire(.normal) }
    #expect(error?.kind == .connection && error?.code.hasPrefix("SQLITE_CANTOPEN") == true)
    #expect(error?.retryable == true)
    #expect(pool.statistics.open == 0 && pool.statistics.lent == 0 && pool.statistics.failed == 1)
  }

  @Test("closing gives up what is not lent")
  func closeIdle() throws {
    let fixture = try Fixture()
    let lent = try fixture.pool.acquire(.normal)
    fixture.pool.release(try fixture.pool.acquire(.normal), .reuse)
    fixture.pool.closeIdle()
    #expect(fixture.pool.statistics.open == 1)
    fixture.pool.release(lent, .reuse)
    #expect(fixture.pool.statistics.open == 1)
  }
}
