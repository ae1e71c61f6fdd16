import SQLite
import TestSupport
import Testing

@testable import Sluice

@Suite("Cached reads")
struct DatabaseCacheTests {
  static let schema = """
    CREATE TABLE a(id INTEGER PRIMARY KEY, v);
    CREATE TABLE b(k PRIMARY KEY, v) WITHOUT ROWID;
    CREATE TABLE other(v);
    CREATE TABLE parent(id INTEGER PRIMARY KEY, u UNIQUE);
    CREATE TABLE child(id INTEGER PRIMARY KEY,
      parent REFERENCES parent(id) ON DELETE CASCADE ON UPDATE SET NULL);
    CREATE TABLE log(v);
    CREATE TABLE serial(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
    CREATE TRIGGER logged AFTER DELETE ON child BEGIN INSERT INTO log VALUES(old.id); END;
    CREATE VIEW seen AS SELECT v FROM a;
    CREATE TRIGGER into_view INSTEAD OF INSERT ON seen BEGIN INSERT INTO a(v) VALUES(new.v); END;
    CREATE VIRTUAL TABLE words USING fts5(w);
    CREATE VIRTUAL TABLE index_of_a USING fts5(v, content='a', content_rowid='id');
    INSERT INTO a(v) VALUES(1),(2),(3);
    INSERT INTO b VALUES(1,1),(2,2);
    INSERT INTO parent VALUES(1,1),(2,2),(3,3);
    INSERT INTO child VALUES(1,1),(2,2),(3,3);
    INSERT INTO serial(v) VALUES(1);
    INSERT INTO words VALUES('one');
    """

  private func fixture() throws -> EngineFixture {
    try EngineFixture(schema: Self.schema) { $0.foreignKeys = true }
  }

  private func cached(_ sql: String, _ values: Value...) -> Job {
    Job(sql, values).with { $0.cacheSeconds = 60 }
  }

  @Test("the second of two equal reads says cached and is otherwise the first one's")
  func hit() throws {
    let fixture = try fixture()
    let first = try fixture.run(cached("SELECT id, v FROM a WHERE id>?", .integer(1)))
    let second = try fixture.run(cached("SELECT id, v FROM a WHERE id>?", .integer(1)))
    #expect(first["cached"] == "false" && second["cached"] == "true")
    #expect(first["statements"] == second["statements"])
    #expect(second["attempts"] == "1" && second.status == .done)
    #expect(second.keys() == first.keys())
    #expect(fixture.engine.pool.statistics.uses == 1)
    let other = try fixture.run(cached("SELECT id, v FROM a WHERE id>?", .integer(2)))
    #expect(other["cached"] == "false")
    #expect(try fixture.run("SELECT id, v FROM a WHERE id>?", .integer(1))["cached"] == "false")
  }

  @Test("a rule makes reads cached that do not ask for it, and `false` takes one out")
  func rule() throws {
    let fixture = try EngineFixture(schema: Self.schema) {
      $0.cache.rules = CacheRules([.init(match: "select * from a*", seconds: 60)])
    }
    for expected in ["false", "true"] {
      #expect(try fixture.run("SELECT  * FROM a")["cached"] == expected)
      #expect(try fixture.run("SELECT  * FROM b")["cached"] == "false")
    }
    let job = Job("SELECT  * FROM a").with { $0.cacheSeconds = 0 }
    #expect(try fixture.run(job)["cached"] == "false")
  }

  /// A read, and a write after which it would say something else.
  static let changes: [(read: String, write: String)] = [
    ("SELECT count(*) FROM a", "DELETE FROM a"),
    ("SELECT 1 FROM a", "DELETE FROM a WHERE 1"),
    ("SELECT max(v) FROM a", "UPDATE a SET v=v+1"),
    ("SELECT v FROM seen", "INSERT INTO seen VALUES(9)"),
    ("SELECT * FROM b", "INSERT OR REPLACE INTO b VALUES(1,7)"),
    ("SELECT * FROM b", "DELETE FROM b"),
    ("SELECT count(*) FROM child", "DELETE FROM parent WHERE id=1"),
    ("SELECT parent FROM child", "UPDATE parent SET id=id+10"),
    ("SELECT count(*) FROM log", "DELETE FROM parent WHERE id=1"),
    ("SELECT count(*) FROM child", "INSERT OR REPLACE INTO parent VALUES(9,1)"),
    ("SELECT * FROM log", "INSERT OR REPLACE INTO parent VALUES(1,9)"),
    ("SELECT * FROM sqlite_sequence", "INSERT INTO serial(v) VALUES(1)"),
    ("SELECT name FROM sqlite_schema", "CREATE TABLE new(a)"),
    ("SELECT * FROM seen", "DROP VIEW seen; CREATE VIEW seen AS SELECT 'new'"),
    ("SELECT * FROM other", "ALTER TABLE other ADD COLUMN w"),
    ("SELECT count(*) FROM words", "INSERT INTO words VALUES('two')"),
    ("SELECT count(*) FROM words_content", "INSERT INTO words VALUES('two')"),
    ("SELECT EXISTS(SELECT 1 FROM other)", "INSERT INTO other SELECT v FROM a"),
    ("SELECT json_group_array(v) FROM a, json_each('[1]')", "DELETE FROM a WHERE id=1"),
    (
      "WITH x AS (SELECT * FROM a) SELECT count(*) FROM x",
      "INSERT INTO a VALUES(1,5) ON CONFLICT DO UPDATE SET v=5; DELETE FROM a WHERE id=2"
    ),
    ("SELECT v FROM index_of_a", "UPDATE a SET v=v+1"),
    ("SELECT * FROM a NATURAL JOIN other", "INSERT INTO other VALUES(2)"),
    ("SELECT a.v FROM a JOIN other USING(v)", "INSERT INTO other VALUES(2)"),
    ("SELECT 1; SELECT a.v FROM a NATURAL JOIN other", "INSERT INTO other VALUES(2)"),
    ("SELECT count(*) FROM a", "CREATE TEMP TABLE x(v); DELETE FROM a"),
    ("SELECT count(*) FROM child", "PRAGMA foreign_keys=OFF; DELETE FROM child"),
  ]

  @Test("a write's result means that a cached read shows it", arguments: changes.indices)
  func invalidated(index: Int) throws {
    let fixture = try fixture()
    let (read, write) = Self.changes[index]
    let before = try fixture.run(cached(read))
    #expect(try fixture.run(cached(read))["cached"] == "true")
    let written = try fixture.run(write)
    #expect(written.status == .done, "\(written.message)")
    let after = try fixture.run(cached(read))
    #expect(after["cached"] == "false", "\(write)")
    let last = read.contains(";") ? 1 : 0
    #expect(
      after["statements/\(last)/rows"] != before["statements/\(last)/rows"]
        || after["statements/0/columns"] != before["statements/0/columns"])
    #expect(after["statements/\(last)/rows"] == (try fixture.run(read))["statements/\(last)/rows"])
  }

  @Test("the same writes by another process show as well", arguments: [0, 4, 7, 12, 13])
  func foreign(index: Int) throws {
    let fixture = try fixture()
    let (read, write) = Self.changes[index]
    let before = try fixture.run(cached(read))
    #expect(try fixture.run(cached(read))["cached"] == "true")
    let process = try SQLProcess(database: fixture.path)
    try process.run("PRAGMA foreign_keys=ON")
    for part in write.split(separator: ";") { try process.run(String(part)) }
    let after = try fixture.run(cached(read))
    #expect(after["cached"] == "false" && after.rows != before.rows)
    try process.end()
  }

  @Test("a write to one table leaves what was read from others, and is counted by its table")
  func survival() throws {
    let fixture = try fixture()
    let reads = [
      "SELECT * FROM a", "SELECT * FROM b", "SELECT * FROM child", "SELECT * FROM seen",
      "SELECT * FROM words",
    ]
    for read in reads { try fixture.run(cached(read)) }
    try fixture.run("INSERT INTO other VALUES(1)")
    try fixture.run("INSERT INTO other VALUES(2)")
    for read in reads.dropLast() { #expect(try fixture.run(cached(read))["cached"] == "true") }
    try fixture.run("UPDATE a SET v=0 WHERE id=1")
    let after = try reads.map { try fixture.run(cached($0))["cached"] }
    #expect(after == ["false", "true", "true", "false", "false"])
    #expect(fixture.engine.cache.statistics.invalidationsByTable == ["a": 2])
    #expect(fixture.engine.cache.statistics.failures == 0)
  }

  @Test("a read under way is kept though other tables are written to meanwhile")
  func fillingSurvives() throws {
    let fixture = try fixture()
    let slow = cached(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300000)
      SELECT count(*), (SELECT max(v) FROM b) FROM n
      """)
    let read = fixture.submit(slow)
    #expect(eventually { fixture.engine.pool.statistics.lent == 1 })
    try fixture.run("INSERT INTO other VALUES(1)")
    #expect(!fixture.hasOutcome(read))
    #expect(try fixture.result(read)["cached"] == "false")
    #expect(try fixture.run(slow)["cached"] == "true")
    let again = fixture.submit(slow.with { $0.statements[0].sql += " " })
    #expect(eventually { fixture.engine.pool.statistics.lent == 1 })
    try fixture.run("UPDATE b SET v=v+1")
    #expect(!fixture.hasOutcome(again))
    _ = try fixture.result(again)
    #expect(fixture.engine.cache.statistics.overtaken == 1)
  }

  @Test(
    "what is not a matter of the data alone is never kept",
    arguments: [
      "SELECT random()", "SELECT hex(randomblob(4))", "SELECT datetime('now')",
      "SELECT strftime('%s','now')", "SELECT CURRENT_TIMESTAMP", "SELECT CURRENT_DATE",
      "SELECT CURRENT_TIME", "SELECT unixepoch()", "SELECT julianday('now')",
      "SELECT v FROM a ORDER BY random()", "SELECT * FROM moment",
      "SELECT count(*) FROM (SELECT * FROM moment)", "SELECT 1 WHERE date('now')>'2000'",
      "PRAGMA user_version", "SELECT * FROM pragma_table_info('a')",
      "SELECT * FROM pragma_user_version",
      "SELECT changes()", "SELECT total_changes()", "SELECT last_insert_rowid()",
      "EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN SELECT * FROM a", "SELECT * FROM sqlite_stmt",
      "SELECT * FROM sqlite_temp_schema", "SELECT count(*) FROM dbstat",
      "SELECT * FROM a NATURAL JOIN dbstat",
      "SELECT count(*) FROM json_each('[]') NATURAL JOIN dbstat",
      "SELECT 1; SELECT random()", "WITH x AS (SELECT time('now') t) SELECT t FROM x",
    ])
  func volatile(sql: String) throws {
    let fixture = try EngineFixture(
      schema: Self.schema + "CREATE VIEW moment AS SELECT v, CURRENT_TIMESTAMP t FROM a")
    for _ in 0..<2 {
      let result = try fixture.run(cached(sql))
      #expect(result.status == .done && result["cached"] == "false", "\(result.message)")
    }
    #expect(fixture.engine.cache.statistics.entries == 0)
  }

  @Test("a kept statement whose view has become volatile is not kept any more")
  func becomesVolatile() throws {
    let fixture = try EngineFixture(schema: Self.schema) { $0.poolSize = 1 }
    for expected in ["false", "true"] {
      #expect(try fixture.run(cached("SELECT * FROM seen"))["cached"] == expected)
    }
    try fixture.run("DROP VIEW seen; CREATE VIEW seen AS SELECT random() r, v FROM b")
    for _ in 0..<3 {
      #expect(try fixture.run(cached("SELECT * FROM seen"))["cached"] == "false")
    }
    try fixture.run("DROP VIEW seen; CREATE VIEW seen AS SELECT v FROM other")
    try fixture.run(cached("SELECT * FROM seen"))
    try fixture.run("INSERT INTO other VALUES(5)")
    #expect(try fixture.run(cached("SELECT * FROM seen")).rows == "[[5]]")
  }

  @Test("a writer's kept statement whose trigger is new is known to write its table too")
  func newTrigger() throws {
    let fixture = try fixture()
    let write = "INSERT INTO other VALUES(1)"
    try fixture.run(write)
    try fixture.run(
      "CREATE TRIGGER more AFTER INSERT ON other BEGIN INSERT INTO log VALUES(1); END")
    for count in 1...3 {
      try fixture.run(write)
      #expect(try fixture.run(cached("SELECT count(*) FROM log")).rows == "[[\(count)]]")
      try fixture.run("INSERT INTO b VALUES(\(count + 10),1)")
      #expect(try fixture.run(cached("SELECT count(*) FROM log"))["cached"] == "true")
    }
  }

  @Test("the monitor counts hits with the statement they stand for")
  func monitored() throws {
    let monitor = QueryMonitor(slowSeconds: 1)
    let fixture = try EngineFixture(schema: Self.schema) { $0.monitor = monitor }
    for _ in 0..<4 { try fixture.run(cached("SELECT v FROM a WHERE id=?", .integer(1))) }
    #expect(monitor.snapshot().statements.first { $0.cacheHits > 0 }?.cacheHits == 3)
  }

  @Test("a reload puts other rules and another size in force")
  func tuned() throws {
    let fixture = try fixture()
    #expect(try fixture.run("SELECT * FROM a")["cached"] == "false")
    var tuning = fixture.engine.configuration.tuning
    tuning.cache.rules = CacheRules([.init(match: "*", seconds: 60)])
    fixture.engine.tune(tuning)
    for expected in ["false", "true"] {
      #expect(try fixture.run("SELECT * FROM a")["cached"] == expected)
    }
    tuning.cache.entriesMax = 0
    fixture.engine.tune(tuning)
    #expect(try fixture.run("SELECT * FROM a")["cached"] == "false")
  }

  @Test("reads that fail, or are writes after all, leave nothing behind")
  func failures() throws {
    let fixture = try fixture()
    #expect(try fixture.run(cached("SELECT * FROM nosuch")).status == .failed)
    #expect(try fixture.run(cached("SELECT abs(-9223372036854775808)")).status == .failed)
    let expecting = Job(statements: [JobStatement("SELECT 1", expect: .init(rows: 2))])
      .with { $0.cacheSeconds = 60 }
    #expect(try fixture.run(expecting).code == SluiceCode.expect)
    let write = try fixture.run(
      cached("WITH x(v) AS (VALUES(1)) INSERT INTO other SELECT v FROM x"))
    #expect(write.status == .done && write["cached"] == "false")
    #expect(fixture.engine.cache.statistics.entries == 0)
  }

  @Test("a hit costs less than a third of the read it stands for")
  func cost() throws {
    let fixture = try fixture()
    let job = cached(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50000)
      SELECT count(*), (SELECT max(v) FROM a) FROM n
      """)
    let read = try (0..<5).map { number in
      try fixture.run(job.with { $0.statements[0].sql += String(repeating: " ", count: number) })
    }
    let hits = try (0..<5).map { _ in try fixture.run(job) }
    #expect(hits.allSatisfy { $0["cached"] == "true" })
    let fastest = try #require(read.compactMap { $0.number("times/ran") }.min())
    let slowest = try #require(hits.compactMap { $0.number("times/ran") }.min())
    #expect(slowest * 3 < fastest, "\(slowest) s against \(fastest) s")
  }
}
