import Glibc
import JSON
import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Sluice

/// Random histories of reads, own and foreign writes, against the same database without a cache.
@Suite("Cached reads against uncached ones")
struct CacheModelTests {
  @Test("no row is ever stale, whoever writes and how")
  func history() throws {
    // Another seed each run; a failure prints it, and SLUICE_SEED repeats it. 100000 steps take
    // some minutes.
    let given = getenv("SLUICE_SEED").flatMap { UInt64(String(cString: $0)) }
    let steps = getenv("SLUICE_CACHE_STEPS").flatMap { Int(String(cString: $0)) } ?? 4000
    let seed = given ?? UInt64(bitPattern: Timestamp.now().nanoseconds)
    let history = try CacheHistory(seed: seed)
    for step in 0..<steps {
      if let difference = try history.step() {
        Issue.record("SLUICE_SEED=\(seed), step \(step): \(difference)")
        return
      }
    }
    try history.end()
    let statistics = history.statistics
    print("SLUICE_SEED=\(seed): \(statistics)")
    #expect(statistics.hits > steps / 6, "a cache that is never hit proves nothing")
    #expect(statistics.invalidationsByTable.count > 5 || steps < 1000)
    #expect(statistics.failures == 0)
  }

  @Test("under load a read shows every write whose outcome came before it, of whatever process")
  func concurrent() throws {
    let fixture = try EngineFixture(
      schema: """
        CREATE TABLE own(v); INSERT INTO own VALUES(0);
        CREATE TABLE foreigner(v); INSERT INTO foreigner VALUES(0);
        CREATE TABLE noise(v);
        """)
    let writes = getenv("SLUICE_CACHE_STEPS").flatMap { Int(String(cString: $0)) }.map { $0 / 20 }
    let count = Int64(writes ?? 300)
    let foreignDone = Atomic<Int64>(0)
    let process = try SQLProcess(database: fixture.path)
    let stops = Atomic(false)
    let failure = Mutex<String?>(nil)
    // Owned by the thread alone until it is joined.
    nonisolated(unsafe) let lender = process
    let foreigner = try OwnedThread(name: "foreigner") {
      while !stops.load(ordering: .relaxed) {
        do {
          try lender.run("UPDATE foreigner SET v=v+1")
          foreignDone.wrappingAdd(1, ordering: .relaxed)
          Pause.milliseconds(3)
        } catch {
          failure.withLock { $0 = "\(error)" }
          return
        }
      }
    }
    var reads: [(job: Int64, table: String, least: Int64)] = []
    for number in 1...count {
      let write = fixture.submit("UPDATE own SET v=v+1")
      for table in ["own", "foreigner"] {
        // Beside the write: at least what was done before it.
        let least = table == "own" ? number - 1 : foreignDone.load(ordering: .relaxed)
        for _ in 0..<3 {
          reads.append((fixture.submit(cached("SELECT v FROM \(table)")), table, least))
        }
      }
      if number % 3 == 0 { fixture.submit("INSERT INTO noise VALUES(1)") }
      _ = try fixture.result(write)
      let least = foreignDone.load(ordering: .relaxed)
      reads.append((fixture.submit(cached("SELECT v FROM own")), "own", number))
      reads.append((fixture.submit(cached("SELECT v FROM foreigner")), "foreigner", least))
    }
    stops.store(true, ordering: .relaxed)
    foreigner.join()
    try process.end()
    #expect(failure.withLock { $0 } == nil)
    for read in reads {
      let rows = try #require(try fixture.result(read.job).rows)
      let value = try #require(Int64(rows.dropFirst(2).dropLast(2)))
      #expect(value >= read.least, "\(read.table)")
    }
    #expect(fixture.engine.cache.statistics.hits > 0)
  }

  private func cached(_ sql: String) -> Job { Job(sql).with { $0.cacheSeconds = 60 } }
}

/// One random history and the engine in it.
private final class CacheHistory {
  private var random: SeededGenerator
  private let fixture: EngineFixture
  private let neighbour: Connection
  private let process: SQLProcess
  private var last = "nothing"

  static let reads = [
    "SELECT * FROM a", "SELECT count(*) FROM a", "SELECT max(v) FROM a WHERE id>?1",
    "SELECT * FROM b", "SELECT v FROM b WHERE k=?1", "SELECT 1 FROM b", "SELECT * FROM parent",
    "SELECT count(*) FROM child", "SELECT * FROM parent, child WHERE child.parent=parent.id",
    "SELECT * FROM log", "SELECT * FROM seen", "SELECT count(*) FROM seen", "SELECT * FROM both",
    "SELECT * FROM u", "SELECT * FROM sqlite_sequence", "SELECT count(*) FROM serial",
    "SELECT count(*) FROM sqlite_schema", "SELECT * FROM words", "SELECT * FROM words_content",
    "SELECT count(*) FROM words WHERE words MATCH 'w1'", "SELECT * FROM a NATURAL JOIN b",
    "SELECT EXISTS(SELECT 1 FROM log)", "SELECT ?1 IN (SELECT rowid FROM u)",
    "WITH x AS (SELECT * FROM serial) SELECT count(*) FROM x",
    "SELECT count(*) FROM (SELECT v FROM a UNION SELECT k FROM b)",
    "SELECT * FROM a; SELECT count(*) FROM u",
  ]

  static let writes = [
    "INSERT INTO a(v) VALUES(?1)", "UPDATE a SET v=?1 WHERE id%3=0", "DELETE FROM a",
    "DELETE FROM a WHERE id>?1", "INSERT INTO a(v) SELECT v+1 FROM a LIMIT 3",
    "INSERT OR REPLACE INTO b VALUES(?1,?1+1)", "DELETE FROM b", "UPDATE b SET v=v+1",
    "INSERT INTO b VALUES(?1,1) ON CONFLICT DO UPDATE SET v=v+1",
    "INSERT OR IGNORE INTO parent VALUES(?1,?1)", "DELETE FROM parent WHERE id=?1",
    "REPLACE INTO parent VALUES(?1+10,?1)", "UPDATE parent SET id=id+100 WHERE id=?1",
    "INSERT INTO child(parent) SELECT id FROM parent LIMIT 2", "DELETE FROM child",
    "INSERT INTO seen VALUES(?1)", "INSERT OR REPLACE INTO u(k,v) VALUES(?1,?1)",
    "UPDATE OR REPLACE u SET k=?1", "INSERT INTO serial(v) VALUES(?1)", "DELETE FROM serial",
    "DELETE FROM log",
  ]

  /// Several statements, or such as end badly; without parameters.
  static let scripts = [
    "INSERT INTO a(v) VALUES(1); INSERT INTO nosuch VALUES(1)",
    "DELETE FROM b; INSERT INTO parent VALUES(1,1); INSERT INTO parent VALUES(1,1)",
    "INSERT INTO u(k) VALUES(1); INSERT OR ROLLBACK INTO u(k) VALUES(1)",
    "DELETE FROM log; INSERT INTO failing VALUES(1)",
    "CREATE TEMP TABLE scratch(v); INSERT INTO scratch SELECT v FROM a; DELETE FROM a WHERE id%2",
    "PRAGMA foreign_keys=OFF; DELETE FROM parent WHERE id%2",
    "DROP VIEW both; CREATE VIEW both AS SELECT a.id, u.v FROM a, u",
    "DROP VIEW both; CREATE VIEW both AS SELECT k, v FROM b",
    "DROP TABLE IF EXISTS more; CREATE TABLE more(v)", "DROP TABLE u; CREATE TABLE u(k UNIQUE, v)",
    "CREATE TRIGGER IF NOT EXISTS extra AFTER INSERT ON a BEGIN UPDATE b SET v=new.id; END",
    "DROP TRIGGER IF EXISTS extra", "CREATE INDEX IF NOT EXISTS av ON a(v)",
    "DROP INDEX IF EXISTS av", "INSERT INTO b VALUES(500,1); DELETE FROM b WHERE k=500",
    "PRAGMA user_version=3; INSERT INTO log VALUES(7)", "INSERT INTO words VALUES('w1')",
    "INSERT INTO words VALUES('w2')", "DELETE FROM words", "ANALYZE", "REINDEX",
  ]

  init(seed: UInt64) throws {
    random = SeededGenerator(seed: seed)
    fixture = try EngineFixture(
      schema: DatabaseCacheTests.schema + """
        CREATE TABLE u(k UNIQUE, v);
        CREATE TABLE failing(v CHECK(v IS NULL));
        CREATE VIEW both AS SELECT k, v FROM b;
        """
    ) {
      $0.foreignKeys = true
      $0.cache.entriesMax = 40
      $0.walLimit = 2_000_000
    }
    neighbour = try Connection(path: fixture.path, role: .writer, foreignKeys: true)
    process = try SQLProcess(database: fixture.path)
  }

  var statistics: CacheStatistics { fixture.engine.cache.statistics }

  func end() throws { try process.end() }

  private func pick(_ list: [String]) -> String {
    list[Int.random(in: 0..<list.count, using: &random)]
  }

  /// - Returns: what a cached read got wrong.
  func step() throws -> String? {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<82: return try compare()
    case 82..<94:
      let sql = pick(Self.writes)
      try fixture.run(job(sql, Int64.random(in: 0..<6, using: &random)))
      last = "own " + sql
    case 94..<96:
      last = "own " + pick(Self.scripts)
      try fixture.run(String(last.dropFirst(4)))
    case 96: try writeBeside()
    case 97:
      let table = ["a", "b", "log", "u"][Int.random(in: 0..<4, using: &random)]
      last = "foreign INSERT INTO \(table)"
      try process.run("INSERT OR REPLACE INTO \(table) VALUES(\(table == "log" ? "7" : "77,7"))")
    case 98: try submitTogether()
    default: return try overlap()
    }
    return nil
  }

  private func job(_ sql: String, _ value: Int64) -> Job {
    Job(sql, sql.contains("?1") ? [.integer(value)] : [])
  }

  private func compare() throws -> String? {
    let sql = pick(Self.reads)
    let job = job(sql, Int64.random(in: 0..<2, using: &random))
    let served = try fixture.run(job.with { $0.cacheSeconds = 1000 })
    let fresh = try fixture.run(job)
    return difference(served, fresh, sql)
  }

  private func difference(_ served: TestResult, _ fresh: TestResult, _ sql: String) -> String? {
    guard served.status == .done, fresh.status == .done else { return "\(sql): \(fresh.message)" }
    for number in 0..<2 {
      for part in ["columns", "rows"] {
        let place = "statements/\(number)/\(part)"
        if served[place] != fresh[place] {
          return "\(sql) after \(last): served \(served[place] ?? ""), is \(fresh[place] ?? "")"
        }
      }
    }
    return nil
  }

  private func writeBeside() throws {
    let sql = Bool.random(using: &random) ? pick(Self.writes) : pick(Self.scripts)
    last = "beside " + sql
    // What a script does up to its error stands here, which is as good.
    let value = Int64.random(in: 0..<6, using: &random)
    try? neighbour.execute(sql.replacing("?1", with: "\(value)"))
    if !neighbour.isAutocommit { try neighbour.execute("ROLLBACK") }
  }

  private func submitTogether() throws {
    let jobs = (0..<6).map { _ in
      fixture.submit(job(pick(Self.writes), Int64.random(in: 0..<6, using: &random)))
    }
    last = "a group"
    _ = try fixture.results(jobs)
  }

  /// Reads and writes at once, then each read again.
  private func overlap() throws -> String? {
    var reads: [Job] = []
    var jobs: [Int64] = []
    for _ in 0..<5 {
      let read = job(pick(Self.reads), 1)
      reads.append(read)
      jobs.append(fixture.submit(read.with { $0.cacheSeconds = 1000 }))
      jobs.append(fixture.submit(job(pick(Self.writes), 2)))
    }
    last = "an overlap"
    _ = try fixture.results(jobs)
    for read in reads {
      let served = try fixture.run(read.with { $0.cacheSeconds = 1000 })
      if let wrong = difference(served, try fixture.run(read), read.statements[0].sql) {
        return wrong
      }
    }
    return nil
  }
}
