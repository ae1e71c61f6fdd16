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

  @Test("a connection that has rested is checked before it is lent")
  func health() throws {
    let fixture = try Fixture { $0.idleCheck = 0 }
    let connection = try fixture.pool.acquire(.normal)
    fixture.pool.release(connection, .reuse)
    #expect(try fixture.pool.acquire(.normal) === connection)
    // A statement that is always interrupted is what a broken connection looks like from outside.
    connection.connection.authorizer.subject = .reader
    #expect(connection.isHealthy())
    fixture.pool.release(connection, .reuse)
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
