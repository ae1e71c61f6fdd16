import SQLite
import TestSupport
import Testing

@testable import Sluice

/// A cache by itself, with the clock in the test's hand.
@Suite("Bounds and times of the cache")
struct CacheBoundsTests {
  private final class Fixture {
    let directory: String
    let cache: DatabaseCache
    let writer: Connection
    var now = MonotonicTime(nanoseconds: 1_000_000_000)

    init(_ change: (inout CacheConfiguration) -> Void = { _ in }) throws {
      directory = try TemporarySpool.makeDirectory()
      writer = try Connection(path: directory + "/x.db", role: .writer)
      try writer.execute("CREATE TABLE t(a); CREATE TABLE u(a)")
      var configuration = CacheConfiguration()
      change(&configuration)
      cache = DatabaseCache(path: directory + "/x.db", configuration)
    }

    deinit { TemporarySpool.remove(directory) }

    /// Looks it up, and stores `bytes` bytes if they are not there.
    /// - Returns: whether it was a hit.
    @discardableResult
    func ask(_ sql: String, _ seconds: Double = 10, bytes: Int = 10) -> Bool? {
      switch cache.lookUp(Job(sql).with { $0.cacheSeconds = seconds }, now: now) {
      case .hit: return true
      case .bypass: return nil
      case .miss(let filling):
        filling.store(
          Array(repeating: 0x20, count: bytes), traits: [], use: TableUse(read: ["t"]))
        return false
      }
    }

    func wait(_ seconds: Double) { now = now.advanced(bySeconds: seconds) }
  }

  @Test("a result is served until its time is over, to the moment")
  func expiry() throws {
    let fixture = try Fixture()
    #expect(fixture.ask("SELECT 1", 10) == false)
    fixture.wait(9.999)
    #expect(fixture.ask("SELECT 1", 10) == true)
    fixture.wait(0.001)
    #expect(fixture.ask("SELECT 1", 10) == false)
    #expect(fixture.cache.statistics.expiries == 1)
    #expect(fixture.cache.statistics.entries == 1)
  }

  @Test("a job that asks for fresher results gets none that are older")
  func fresher() throws {
    let fixture = try Fixture()
    fixture.ask("SELECT 1", 60)
    fixture.wait(5)
    #expect(fixture.ask("SELECT 1", 60) == true)
    #expect(fixture.ask("SELECT 1", 2) == false)
    fixture.wait(1)
    #expect(fixture.ask("SELECT 1", 2) == true)
    #expect(fixture.ask("SELECT 1", 0) == nil)
  }

  @Test("beyond cache_size the one used longest ago goes")
  func entries() throws {
    let fixture = try Fixture { $0.entriesMax = 3 }
    for name in ["1", "2", "3"] { fixture.ask("SELECT " + name) }
    #expect(fixture.ask("SELECT 1") == true)
    fixture.ask("SELECT 4")
    #expect(fixture.ask("SELECT 1") == true)
    #expect(fixture.ask("SELECT 2") == false)
    let statistics = fixture.cache.statistics
    #expect(statistics.entries == 3 && statistics.evictions == 2)
    fixture.cache.configure(CacheConfiguration().with { $0.entriesMax = 0 })
    #expect(fixture.ask("SELECT 1") == nil)
    #expect(fixture.cache.statistics.entries == 0 && fixture.cache.statistics.bytes == 0)
  }

  @Test("bytes are bounded, of all and of each")
  func bytes() throws {
    let fixture = try Fixture {
      $0.bytesMax = 10_000
      $0.entryBytesMax = 4_000
    }
    for number in 0..<10 { fixture.ask("SELECT \(number)", bytes: 2_500) }
    #expect(fixture.cache.statistics.entries == 3)
    #expect(fixture.cache.statistics.bytes <= 10_000)
    #expect(fixture.cache.statistics.evictions == 7)
    #expect(fixture.ask("SELECT 'large'", bytes: 4_000) == false)
    #expect(fixture.ask("SELECT 'large'", bytes: 4_000) == false)
    #expect(fixture.cache.statistics.refused == 2)
    fixture.cache.removeAll()
    #expect(fixture.cache.statistics.bytes == 0)
  }

  @Test("results are forgotten by pattern")
  func pattern() throws {
    let fixture = try Fixture()
    for sql in ["SELECT 1", "select  2", "VALUES(1)"] { fixture.ask(sql) }
    #expect(fixture.cache.removeAll(matching: "Select *") == 2)
    #expect(fixture.ask("SELECT 1") == false)
    #expect(fixture.ask("VALUES(1)") == true)
  }

  @Test("another connection's commit ends everything, also between a read and its storing")
  func foreign() throws {
    let fixture = try Fixture()
    fixture.ask("SELECT 1")
    try fixture.writer.execute("INSERT INTO u VALUES(1)")
    guard
      case .miss(let filling) = fixture.cache.lookUp(
        Job("SELECT 1").with { $0.cacheSeconds = 10 }, now: fixture.now)
    else {
      Issue.record("served from before a commit")
      return
    }
    try fixture.writer.execute("INSERT INTO u VALUES(1)")
    filling.store([], traits: [], use: TableUse(read: ["t"]))
    #expect(fixture.cache.statistics.overtaken == 1)
    #expect(fixture.ask("SELECT 1") == false)
    #expect(fixture.ask("SELECT 1") == true)
    #expect(fixture.cache.statistics.invalidations == 1)
  }

  @Test("a cache that cannot ask the database is passed by, empty, and comes back by itself")
  func failure() throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let path = directory + "/x.db"
    let reports = Monitor<[JobError]>([])
    let cache = DatabaseCache(path: path) { error in reports.withLock { $0.append(error) } }
    let job = Job("SELECT 1").with { $0.cacheSeconds = 10 }
    var now = MonotonicTime(nanoseconds: 0)
    for _ in 0..<3 {
      guard case .bypass = cache.lookUp(job, now: now) else {
        Issue.record("a cache without a database")
        return
      }
    }
    #expect(cache.statistics.failures == 1)
    #expect(reports.withLock { $0.map(\.kind) } == [.cache])
    #expect(cache.lastError?.code == "SQLITE_CANTOPEN")
    let writer = try Connection(path: path, role: .writer)
    try writer.execute("CREATE TABLE t(a)")
    now = now.advanced(bySeconds: 1)
    guard case .miss = cache.lookUp(job, now: now) else {
      Issue.record("still passed by")
      return
    }
  }

  @Test("what differs in type, form or a single bit has a key of its own")
  func keys() throws {
    let values: [Value] = [
      .null, .integer(0), .integer(1), .real(0), .real(-0.0), .real(1), .text("1"), .text(""),
      .text("\u{e9}"), .text("e\u{301}"), .blob([]), .blob([0x31]),
    ]
    var jobs = values.map { Job("SELECT ?", [$0]) }
    jobs.append(Job("SELECT ? ", [.integer(1)]))
    jobs.append(Job("SELECT ?", [.integer(1)]).with { $0.result.maxRows = 1 })
    jobs.append(Job("SELECT ?", [.integer(1)]).with { $0.result.objects = true })
    jobs.append(
      Job(statements: [JobStatement("SELECT ?", [.integer(1)], expect: .init(rows: 1))]))
    jobs.append(
      Job(statements: [JobStatement("SELECT ?", [.integer(1)], expect: .init(changes: 1))]))
    jobs.append(
      Job(statements: [
        JobStatement(
          sql: "SELECT ?", parameters: .rows([.positional([.value(.integer(1))])]))
      ]))
    jobs.append(
      Job(statements: [
        JobStatement(
          sql: "SELECT ?", parameters: .once(.named([.init(name: "a", value: .value(.integer(1)))]))
        )
      ]))
    #expect(Set(jobs.compactMap { CacheKey($0) }).count == jobs.count)
    #expect(CacheKey(jobs[0]) == CacheKey(jobs[0].with { $0.id = "other" }))
    #expect(CacheKey(Job("SELECT 1").with { $0.result.format = .csv }) == nil)
  }
}

extension CacheConfiguration {
  func with(_ change: (inout CacheConfiguration) -> Void) -> CacheConfiguration {
    var configuration = self
    change(&configuration)
    return configuration
  }
}
