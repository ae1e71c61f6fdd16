import SQLite
import Testing

@testable import Sluice

@Suite("What SQL may not do")
struct ForbiddenSQLTests {
  private static let schema = "CREATE TABLE t(a); INSERT INTO t VALUES(1)"

  static let refused = [
    "ATTACH ':memory:' AS other", "DETACH main", "SELECT load_extension('x')",
    "VACUUM", "VACUUM INTO '/tmp/sluice-never'", "ROLLBACK", "SAVEPOINT s", "RELEASE s",
    "ROLLBACK TO s", "INSERT INTO t VALUES(2); ROLLBACK",
    "PRAGMA journal_mode=DELETE", "PRAGMA synchronous=OFF", "PRAGMA wal_autocheckpoint=1",
    "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA writable_schema=ON", "PRAGMA cache_size=1",
    "PRAGMA query_only=OFF", "PRAGMA temp_store=2", "PRAGMA wal_checkpoint",
    "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA optimize", "PRAGMA incremental_vacuum",
    "PRAGMA incremental_vacuum(3)", "PRAGMA max_page_count=2", "EXPLAIN PRAGMA synchronous=OFF",
    "PRAGMA recursive_triggers=ON",
    "SELECT * FROM _sluice_ledger", "SELECT * FROM main._SLUICE_state",
    "DELETE FROM _sluice_ledger", "DROP TABLE _sluice_ids", "CREATE TABLE _sluice_x(a)",
    "CREATE INDEX i ON _sluice_ledger(name)", "CREATE INDEX _sluice_i ON t(a)",
    "ALTER TABLE _sluice_state ADD COLUMN b", "ALTER TABLE t RENAME TO _sluice_x",
    "CREATE TABLE u(a REFERENCES _sluice_ledger)",
    "ALTER TABLE t ADD COLUMN b REFERENCES _sluice_ledger",
    "CREATE VIEW v AS SELECT * FROM _sluice_ledger",
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM _sluice_ledger; END",
    "CREATE TRIGGER g AFTER INSERT ON _sluice_ledger BEGIN DELETE FROM t; END",
    "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM _sluice_ledger; END",
    "PRAGMA table_info(_sluice_ledger)",
    "INSERT INTO sqlite_master VALUES('table','x','x',0,'CREATE TABLE x(a)')",
    "UPDATE sqlite_schema SET sql=''", "DELETE FROM sqlite_master",
    "WITH x AS (SELECT 1) DELETE FROM sqlite_master",
  ]

  @Test("is rejected with a hint, and has no effect", arguments: refused)
  func rejected(sql: String) throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let before = try fixture.values("SELECT sql FROM sqlite_schema ORDER BY name")
    let result = try fixture.run(sql)
    #expect(result.status == .rejected, "\(result.message)")
    #expect(result.kind == "request" && result.code == SluiceCode.forbidden)
    #expect(!result.hint.isEmpty)
    #expect(result.outcome.durability == .resultFile)
    #expect(try fixture.values("SELECT sql FROM sqlite_schema ORDER BY name") == before)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 0)
  }

  static let permitted = [
    "ANALYZE", "REINDEX", "ANALYZE t", "REINDEX t", "BEGIN; INSERT INTO t VALUES(2); END",
    "BEGIN EXCLUSIVE", "PRAGMA user_version=3", "PRAGMA application_id=3",
    "PRAGMA defer_foreign_keys=ON", "CREATE TABLE my_sluice_table(a_sluice_b)",
    "CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO u DEFAULT VALUES;"
      + "UPDATE sqlite_sequence SET seq=5; DELETE FROM sqlite_sequence",
    "ANALYZE; DELETE FROM sqlite_stat1; INSERT INTO sqlite_stat1 VALUES('t',NULL,'9')",
    "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('hello');"
      + "SELECT * FROM f WHERE f MATCH 'hello'",
    "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN a TO b; DROP TABLE u",
    "CREATE TABLE u(a); CREATE INDEX i ON u(a); CREATE VIEW v AS SELECT * FROM u;"
      + "CREATE TRIGGER g AFTER INSERT ON u BEGIN SELECT 1; END; DROP TABLE u; DROP VIEW v",
  ]

  @Test("what is not on the list works", arguments: permitted)
  func allowed(sql: String) throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let result = try fixture.run(sql)
    #expect(result.status == .done, "\(result.message)")
    #expect(try fixture.values("PRAGMA integrity_check") == [.text("ok")])
    #expect(try fixture.run("INSERT INTO main.t2 SELECT 1").status == .failed)
  }

  @Test(
    "PRAGMAs that only look are reads",
    arguments: [
      "PRAGMA table_info(t)", "PRAGMA table_xinfo('t')", "PRAGMA index_list(t)",
      "PRAGMA table_list",
      "PRAGMA foreign_key_list(t)", "PRAGMA integrity_check", "PRAGMA quick_check(1)",
      "PRAGMA foreign_key_check", "PRAGMA user_version", "PRAGMA journal_mode",
      "PRAGMA compile_options", "PRAGMA page_count", "SELECT * FROM pragma_table_info('t')",
      "EXPLAIN INSERT INTO t VALUES(1)", "EXPLAIN QUERY PLAN DELETE FROM t",
    ])
  func introspection(sql: String) throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let result = try fixture.run(sql)
    #expect(result.status == .done, "\(result.message)")
    #expect(result.commit == nil && result.outcome.durability == .resultFile)
    #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
  }

  @Test("ANALYZE leaves the tables of the ledger out")
  func analyze() throws {
    let fixture = try EngineFixture(schema: Self.schema)
    try fixture.run("CREATE INDEX i ON t(a)")
    try fixture.run("ANALYZE")
    #expect(try fixture.values("SELECT DISTINCT tbl FROM sqlite_stat1") == [.text("t")])
  }

  @Test("a forbidden statement after others undoes them, and tells which it was")
  func place() throws {
    let fixture = try EngineFixture(schema: Self.schema)
    let result = try fixture.run("INSERT INTO t VALUES(2); DELETE FROM t; PRAGMA synchronous=OFF")
    #expect(result.status == .rejected && result["error/statement"] == "2")
    #expect(try fixture.values("SELECT a FROM t") == [.integer(1)])
  }
}
