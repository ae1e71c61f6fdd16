import JSON
import Spool
import TestSupport
import Testing

/// The protocol's section "What SQL may not do", clause by clause.
@Suite("What SQL may not do", .worker()) struct ForbiddenSQLSentences {
  @Test(
    "rejected with SLUICE_FORBIDDEN, the statement and what to do instead",
    arguments: [
      "ATTACH 'x' AS y", "DETACH main", "SELECT load_extension('x')", "VACUUM", "vacuum;",
      "/* c */ VACUUM", "VACUUM INTO 'x'", "SAVEPOINT a", "RELEASE a", "ROLLBACK", "ROLLBACK TO a",
      "PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA optimize",
      "PRAGMA incremental_vacuum", "PRAGMA incremental_vacuum(5)", "PRAGMA writable_schema=1",
      "PRAGMA journal_mode=DELETE", "PRAGMA journal_mode(delete)", "PRAGMA main.synchronous=0",
      "PRAGMA synchronous=OFF", "PRAGMA cache_size=1", "PRAGMA locking_mode=EXCLUSIVE",
      "PRAGMA busy_timeout=1", "PRAGMA temp_store=2", "PRAGMA query_only=1", "PRAGMA encoding='x'",
      "PRAGMA recursive_triggers=1", "PRAGMA schema_version=1", "PRAGMA unheard_of=1",
      "EXPLAIN PRAGMA journal_mode=DELETE", "SELECT * FROM _sluice_ledger",
      "SELECT * FROM main._SLUICE_ledger", "INSERT INTO _sluice_ids DEFAULT VALUES",
      "UPDATE _sluice_state SET value=0", "DELETE FROM _sluice_ledger", "DROP TABLE _sluice_ids",
      "CREATE TABLE _sluice_x(a)", "CREATE TEMP TABLE _sluice_z(a)",
      "CREATE INDEX i ON _sluice_ledger(key)", "CREATE VIEW _sluice_v AS SELECT 1",
      "WITH x AS (SELECT * FROM _sluice_state) SELECT * FROM x",
      "PRAGMA table_info(_sluice_ledger)", "SELECT * FROM pragma_table_info('_sluice_ledger')",
      "INSERT INTO sqlite_master DEFAULT VALUES", "UPDATE sqlite_schema SET sql=''",
      "DELETE FROM sqlite_schema", "ANALYZE _sluice_ledger", "ANALYZE main.[_Sluice_ledger]",
      "REINDEX _sluice_ledger", "analyze '_sluice_ids'", "DROP TABLE IF EXISTS _sluice_absent",
      "DROP VIEW IF EXISTS main.`_sluice_absent`", "DROP INDEX IF EXISTS _sluice_i",
      "/* c */ DROP TRIGGER -- c\\n IF EXISTS _sluice_t", "DROP TABLE _sluice_absent",
      "SELECT * FROM _sluice_absent", "SELECT * FROM main._SLUICE_absent",
      "UPDATE _sluice_absent SET a=1", "INSERT INTO _sluice_absent VALUES(1)",
      "DELETE FROM '_sluice_absent'",
    ])
  func forbidden(sql: String) throws {
    let served = try ServedSpool.get()
    let result = try served.run(#"{"statements":[{"sql":"SELECT 1"},{"sql":"\#(sql)"}]}"#)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN", "\(result)")
    #expect(result.errorKind == "request" && result.errorFault() == nil)
    #expect(result.error?["statement"]?.integer == 1)
  }

  @Test(
    "nor a trigger, a view, a REFERENCES or a new name that mentions a _sluice_* table",
    arguments: [
      "CREATE VIEW v AS SELECT * FROM _sluice_ledger",
      "CREATE TABLE r(x REFERENCES _sluice_ids(id))",
      "ALTER TABLE own RENAME TO _sluice_own", "ALTER TABLE own ADD COLUMN _sluice_c",
      "CREATE TRIGGER tr AFTER INSERT ON own BEGIN DELETE FROM _sluice_ledger; END",
    ])
  func mention(sql: String) throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE IF NOT EXISTS own(x)"}"#)
    let job =
      #"{"sql":"INSERT INTO own VALUES(1); \#(sql); SELECT 1"}"#
    for result in [
      try served.run(job), try served.run("SELECT 1;\n\(sql);\n", as: served.freshName(".sql")),
    ] {
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN")
      #expect(result.error?["statement"]?.integer == 1 && result.errorFault() == nil)
    }
    #expect(try served.value("SELECT count(*) FROM own")?.integer == 0)
    // Of those above only: other tests make tables meanwhile.
    let made = "SELECT count(*) FROM sqlite_schema WHERE name IN ('tr','v','r','_sluice_own')"
    #expect(try served.value(made)?.integer == 0)
  }

  @Test(
    "anything with _sluice_* tables, also in a script, a batch and a script that drops them",
    arguments: ["DROP TABLE IF EXISTS _sluice_absent", "ANALYZE _sluice_ledger", "TABLE"])
  func anywhere(sql: String) throws {
    let served = try ServedSpool.get()
    let sql = sql == "TABLE" ? "SELECT * FROM _sluice_absent" : sql
    let script = try served.run("SELECT 1;\n\(sql);\n", as: served.freshName(".sql"))
    #expect(script.status == "rejected" && script.errorCode == "SLUICE_FORBIDDEN")
    #expect(script.error?["line"]?.integer == 2)
    let batch = served.freshName(".jsonl")
    try served.run(#"{"sql":"SELECT 1"}"# + "\n" + #"{"sql":"\#(sql)"}"#, as: batch)
    let lines = try #require(try served.spool.result(batch)).split(separator: "\n")
    #expect(lines.count == 2 && lines[1].contains("SLUICE_FORBIDDEN"), "\(lines)")
  }

  @Test(
    "a name that only looks like it is the user's own",
    arguments: [
      "SELECT '_sluice_x'", "DROP TABLE IF EXISTS sluice_; SELECT '_sluice_x'", "ANALYZE",
      "DROP TABLE IF EXISTS my_sluice_x",
    ])
  func allowed(sql: String) throws {
    #expect(try ServedSpool.get().run(#"{"sql":"\#(sql)"}"#).status == "done")
  }

  @Test(
    "ATTACH and its like name another way, VACUUM its control job",
    arguments: [
      ("VACUUM", "vacuum"), ("VACUUM INTO 'x'", "backup"), ("ATTACH 'x' AS y", "database"),
      ("PRAGMA wal_checkpoint", "checkpoint"), ("PRAGMA optimize", "optimize"),
      ("ROLLBACK", "expect"),
    ])
  func instead(sql: String, hint: String) throws {
    let result = try ServedSpool.get().run(#"{"sql":"\#(sql)"}"#)
    #expect(result.error?["hint"]?.string?.contains(hint) == true)
  }

  @Test(
    "a dot-command is rejected, with the line",
    arguments: [
      ".tables", "SELECT 1;\n.dump t", "  .quit", "/* c */ .read x",
    ])
  func dotCommand(sql: String) throws {
    let served = try ServedSpool.get()
    let line = Int64(1 + sql.filter { $0 == "\n" }.count)
    let inJSON = sql.split(separator: "\n").joined(separator: "\\n")
    let job = try served.run(#"{"sql":"\#(inJSON)"}"#)
    #expect(job.status == "rejected" && job.message.contains("line \(line)"), "\(job.message)")
    #expect(job.errorFault() == nil)
    let script = try served.run(sql, as: served.freshName(".sql"))
    #expect(script.status == "rejected" && script.error?["line"]?.integer == line)
  }

  @Test(
    "foreign_keys, defer_foreign_keys, user_version and application_id may be set",
    arguments: ["foreign_keys=ON", "defer_foreign_keys=1", "user_version=7", "application_id=8"])
  func settable(pragma: String) throws {
    let served = try ServedSpool.get()
    #expect(try served.run(#"{"sql":"PRAGMA \#(pragma)"}"#).status == "done")
    let name = pragma.prefix { $0 != "=" }
    let expected = ["user_version": 7, "application_id": 8][name] ?? 0
    // What is kept in the database stays; what is a connection's ends with the job.
    #expect(try served.value("PRAGMA \(name)")?.integer == Int64(expected))
  }

  @Test(
    "introspection PRAGMAs are reads",
    arguments: [
      "table_info(looked_at)", "table_info=looked_at", "table_xinfo(looked_at)",
      "index_list(looked_at)",
      "foreign_key_list(looked_at)", "table_list", "database_list", "journal_mode", "user_version",
      "page_count", "integrity_check", "quick_check", "foreign_key_check", "compile_options",
      "encoding", "foreign_keys", "schema_version",
    ])
  func introspection(pragma: String) throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE IF NOT EXISTS looked_at(x)"}"#)
    let result = try served.run(#"{"sql":"PRAGMA \#(pragma)"}"#)
    #expect(result.status == "done" && result.commit == nil, "\(result.message)")
  }

  @Test("ANALYZE and REINDEX are writes like others", arguments: ["ANALYZE", "REINDEX"])
  func maintenance(sql: String) throws {
    let result = try ServedSpool.get().run(#"{"sql":"\#(sql)"}"#)
    #expect(result.status == "done" && result.commit != nil)
  }

  @Test("writes to sqlite_sequence and sqlite_stat* are allowed")
  func systemTables() throws {
    let served = try ServedSpool.get()
    let result = try served.run(
      """
      {"sql":"CREATE TABLE counted(x INTEGER PRIMARY KEY AUTOINCREMENT); ANALYZE; \
      DELETE FROM sqlite_sequence WHERE name='counted'; \
      INSERT INTO sqlite_sequence VALUES('counted',99); \
      INSERT INTO counted DEFAULT VALUES RETURNING x; DELETE FROM sqlite_stat1 WHERE tbl='counted'"}
      """)
    #expect(result.status == "done")
    #expect(result["statements"]?[4]?["rows"]?[0]?[0]?.integer == 100)
  }

  @Test("BEGIN and COMMIT join the job's transaction")
  func joined() throws {
    let served = try ServedSpool.get()
    let result = try served.run(
      #"{"sql":"BEGIN; CREATE TABLE joined(x); COMMIT; INSERT INTO nowhere VALUES(1)"}"#)
    #expect(result.status == "failed")
    #expect(try served.run(#"{"sql":"SELECT * FROM joined"}"#).status == "failed")
  }

  @Test("every temporary object and counter ends with its job")
  func temporary() throws {
    let served = try ServedSpool.get()
    let job = try served.run(
      #"{"sql":"CREATE TEMP TABLE brief(x); INSERT INTO brief VALUES(1),(2); SELECT changes()"}"#)
    #expect(job.status == "done" && job["statements"]?[2]?["rows"]?[0]?[0]?.integer == 2)
    #expect(try served.run(#"{"sql":"SELECT * FROM brief"}"#).status == "failed")
    let counters = "SELECT changes(), total_changes(), last_insert_rowid()"
    for transaction in ["deferred", "immediate", "exclusive"] {
      let result = try served.run(#"{"transaction":"\#(transaction)","sql":"\#(counters)"}"#)
      #expect(result.row.map(\.integer) == [0, 0, 0], "\(transaction)")
    }
  }
}
