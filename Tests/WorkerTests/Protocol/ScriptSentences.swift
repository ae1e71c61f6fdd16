import JSON
import TestSupport
import Testing

/// The sentences of the protocol about `NAME.sql`, each against the built command.
@Suite("Protocol: NAME.sql") struct ScriptSentences {
  @Test("a script in one transaction, streamed: its last statement undoes megabytes before it")
  func oneTransaction() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let rows = String(
      repeating: "INSERT INTO t VALUES('\(String(repeating: "x", count: 990))');\n", count: 3000)
    let failed = try live.run(
      "s.sql", "CREATE TABLE t(a);\n" + rows + "INSERT INTO nowhere VALUES(1);\n")
    #expect(failed.status == "failed")
    #expect(failed.at("error/line")?.integer == 3002)
    #expect(try live.rows("SELECT count(*) FROM sqlite_schema WHERE name='t'") == ["0"])
    let done = try live.run("s.sql", "CREATE TABLE t(a);\n" + rows)
    #expect(done.at("script/statements")?.integer == 3001)
    #expect(done.at("script/changes")?.integer == 3000)
    #expect(try live.rows("SELECT count(*) FROM t") == ["3000"])
  }

  @Test("a first line carries the fields of a job, whatever stands before it and ends it")
  func header() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    func header(_ fields: String, _ rest: String = "\nSELECT 1") throws -> JSONNode {
      try live.run("h.sql", "-- sluice: {\(fields)}" + rest)
    }
    #expect(try header(#""priority":"low""#)["priority"]?.string == "low")
    #expect(try header(#""meta":{"a":[1]}"#).at("meta/a/0")?.integer == 1)
    #expect(try header(#""id":"one""#, "\nCREATE TABLE id(a)")["id"]?.string == "one")
    #expect(try header(#""id":"one""#, "\nCREATE TABLE id(a)")["duplicate_of"]?.string == "h.sql")
    #expect(try header(#""database":"none""#).code == "SLUICE_NO_DATABASE")
    #expect(try header(#""after":["h.sql"]"#).code == "SLUICE_CYCLE")
    #expect(try header(#""expires":0"#).status == "expired")
    #expect(try header(#""transaction":"exclusive""#, "\nCREATE TABLE x(a)").status == "done")
    #expect(try header(#""retries":0"#).status == "done")
    #expect(
      try header(#""result":{"max_rows":1}"#, "\nVALUES(1),(2)").at("statements/0/truncated")?.bool
        == true)
    let endless =
      "\nCREATE TABLE y AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"
    #expect(try header(#""timeout":0.05"#, endless).code == "SLUICE_TIMEOUT")
    for text in [
      "\u{feff}-- sluice: {\"meta\":7}\nSELECT 1", "--sluice:{\"meta\":7}\r\nSELECT 1;\r\n",
      "-- sluice: {\"meta\":7}\nCREATE TABLE IF NOT EXISTS z(a);",
    ] {
      #expect(try live.run("b.sql", text)["meta"]?.integer == 7, "\(text)")
    }
    #expect(try live.run("l.sql", "\n-- sluice: {\"meta\":7}\nSELECT 1")["meta"] == nil)
    for (fields, pointer) in [
      (#""foo":1"#, "/foo"), (#""sql":"SELECT 1""#, "/sql"), (#""params":[1]"#, "/params"),
      (#""expect":{"rows":1}"#, "/expect"), (#""timeout":"1""#, "/timeout"),
    ] {
      let result = try header(fields)
      #expect(result.status == "rejected" && result.code == "SLUICE_BAD_JOB", "\(fields)")
      #expect(result.at("error/pointer")?.string == pointer)
    }
    let broken = try live.run("j.sql", "-- sluice: {\"meta\":\nSELECT 1")
    #expect(broken.code == "SLUICE_BAD_JSON" && broken.at("error/line")?.integer == 1)
  }

  static let joining = [
    "BEGIN;\n%;\nCOMMIT;", "BEGIN TRANSACTION;\n%;\nEND TRANSACTION;", "begin immediate;%;end;",
    "BEGIN EXCLUSIVE TRANSACTION;%;COMMIT TRANSACTION;", "BEGIN;BEGIN;%;COMMIT;COMMIT;",
    "%;COMMIT;", "BEGIN;%", "BEGIN;COMMIT;\n%;\nBEGIN;COMMIT;", ";;\n%;;\n;",
    "\u{feff}BEGIN;\r\n%;\r\nCOMMIT;\r\n", "/* a; b */ -- c;\n%; -- d", "%\n-- the end",
    "%; /* open",
  ]

  @Test("BEGIN and COMMIT in it join the job's transaction, which they neither end nor nest")
  func joins() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    for (index, text) in Self.joining.enumerated() {
      let script = text.replacing("%", with: "CREATE TABLE t\(index)(a)")
      #expect(try live.run("s.sql", script).status == "done", "\(script)")
      #expect(try live.rows("SELECT count(*) FROM t\(index)") == ["0"])
      let undone = "BEGIN;CREATE TABLE u\(index)(a);COMMIT;\nINSERT INTO nowhere VALUES(1)"
      #expect(try live.run("s.sql", undone).status == "failed")
      #expect(try live.rows("SELECT count(*) FROM sqlite_schema WHERE name='u\(index)'") == ["0"])
    }
  }

  static let refused: [(sql: String, code: String)] = [
    ("ROLLBACK", "SLUICE_FORBIDDEN"), ("rollback transaction", "SLUICE_FORBIDDEN"),
    ("ROLLBACK TO a", "SLUICE_FORBIDDEN"), ("SAVEPOINT a", "SLUICE_FORBIDDEN"),
    ("RELEASE a", "SLUICE_FORBIDDEN"), ("RELEASE SAVEPOINT a", "SLUICE_FORBIDDEN"),
    ("ATTACH 'x' AS y", "SLUICE_FORBIDDEN"), ("VACUUM", "SLUICE_FORBIDDEN"),
    ("VACUUM INTO 'x'", "SLUICE_FORBIDDEN"), ("PRAGMA journal_mode=DELETE", "SLUICE_FORBIDDEN"),
    ("PRAGMA writable_schema=ON", "SLUICE_FORBIDDEN"),
    ("SELECT load_extension('x')", "SLUICE_FORBIDDEN"),
  ]

  @Test(
    "ROLLBACK, SAVEPOINT and what is forbidden are rejected with the line, and in JSON the same")
  func forbidden() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    for (sql, code) in Self.refused {
      let result = try live.run("s.sql", "CREATE TABLE a(b);\n-- c\n\(sql);\nSELECT 1;")
      #expect(result.status == "rejected" && result.code == code, "\(sql)")
      #expect(result.at("error/line")?.integer == 3, "\(sql)")
      #expect(result.at("error/hint") != nil, "\(sql)")
      let json = try live.run("j.json", #"{"sql":"CREATE TABLE a(b); \#(sql)"}"#)
      #expect(json.status == "rejected" && json.code == code, "\(sql)")
      #expect(json.at("error/statement")?.integer == 1, "\(sql)")
    }
    #expect(try live.rows("SELECT count(*) FROM sqlite_schema WHERE name='a'") == ["0"])
    let word = "CREATE TABLE w(a DEFAULT 'ROLLBACK');\nINSERT OR ROLLBACK INTO w DEFAULT VALUES"
    #expect(try live.run("w.sql", word).status == "done")
  }

  @Test("dot-commands are rejected with the line, but not a line of a literal that begins with one")
  func dotCommands() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    for (text, line) in [(".mode csv\nSELECT 1", 1), ("CREATE TABLE a(b);\n\n  .read x", 3)] {
      let result = try live.run("s.sql", text)
      #expect(result.status == "rejected" && result.code == "SLUICE_BAD_JOB")
      #expect(result.at("error/line")?.integer == Int64(line))
    }
    let literal = try live.run("s.sql", "CREATE TABLE a(b);\nINSERT INTO a VALUES('x\n.read y\n');")
    #expect(literal.status == "done")
  }

  @Test("a PRAGMA foreign_keys that is not leading is rejected if rows are written after it")
  func lateForeignKeys() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(a REFERENCES p(a));")
    let late = try live.run(
      "s.sql", "SELECT 1;\nPRAGMA foreign_keys=OFF;\nINSERT INTO c VALUES(1);")
    #expect(late.status == "rejected" && late.code == "SLUICE_FORBIDDEN")
    #expect(late.at("error/line")?.integer == 3)
    let harmless = try live.run("s.sql", "INSERT INTO p VALUES(0);PRAGMA foreign_keys=ON;SELECT 1")
    #expect(harmless.status == "done")
    // Leading, comments before it or not; and it ends with its job.
    let on = "-- c\n/* d */ PRAGMA foreign_keys=ON;\nINSERT INTO c VALUES(1);"
    #expect(try live.run("s.sql", on).code == "SQLITE_CONSTRAINT_FOREIGNKEY")
    #expect(try live.run("s.sql", "INSERT INTO c VALUES(2);").status == "done")
    let json = try live.run(
      "j.json", #"{"sql":"SELECT 1; PRAGMA foreign_keys=ON; INSERT INTO c VALUES(3)"}"#)
    #expect(json.code == "SLUICE_FORBIDDEN")
    let line = #"{"sql":"PRAGMA foreign_keys=ON; INSERT INTO c VALUES(4)"}"#
    try live.run("b.jsonl", line)
    #expect(try live.lines("b.jsonl")[0].code == "SLUICE_FORBIDDEN")
    #expect(try live.rows("SELECT a FROM c") == ["2"])
  }

  static let mentions = [
    "SELECT * FROM _sluice_ledger", "DELETE FROM main._sluice_ids", "DROP TABLE \"_sluice_ids\"",
    "UPDATE [_SLUICE_state] SET value=0", "INSERT INTO t SELECT key FROM _sluice_ledger",
    "CREATE VIEW v AS SELECT * FROM _sluice_ids",
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM _sluice_ids; END",
    "CREATE TABLE c(a REFERENCES _sluice_ids)", "ALTER TABLE t RENAME TO _sluice_t",
    "CREATE TABLE c AS SELECT * FROM _sluice_ids", "CREATE VIEW _sluice_v AS SELECT 1",
    "CREATE TRIGGER _sluice_r AFTER INSERT ON t BEGIN SELECT 1; END",
    "REPLACE INTO _sluice_state VALUES('commit',0)", "CREATE TEMP TABLE _sluice_t(a)",
  ]

  @Test(
    "any other mention of a _sluice_* table is forbidden, also in a trigger, a view or REFERENCES")
  func reservedTables() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a)")
    let before = try live.rows("SELECT name FROM sqlite_schema ORDER BY 1")
    for sql in Self.mentions {
      for text in ["SELECT 1;\n\(sql);", "CREATE TABLE n(a);\n\(sql);"] {
        let result = try live.run("s.sql", text)
        #expect(result.status == "rejected" && result.code == "SLUICE_FORBIDDEN", "\(sql)")
      }
      let escaped = sql.replacing("\"", with: "\\\"")
      let json = try live.run("j.json", #"{"sql":"\#(escaped)"}"#)
      #expect(json.status == "rejected" && json.code == "SLUICE_FORBIDDEN", "\(sql)")
    }
    #expect(try live.rows("SELECT name FROM sqlite_schema ORDER BY 1") == before)
  }

  @Test("writes to sqlite_sequence and sqlite_stat* are allowed, to sqlite_schema they are not")
  func systemTables() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let good = """
      CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT);
      DELETE FROM sqlite_sequence; INSERT INTO sqlite_sequence VALUES('t',41);
      ANALYZE sqlite_schema; INSERT INTO sqlite_stat1 VALUES('t',NULL,'7');
      INSERT INTO t DEFAULT VALUES;
      """
    #expect(try live.run("s.sql", good).status == "done")
    #expect(try live.rows("SELECT a FROM t") == ["42"])
    for table in ["sqlite_schema", "sqlite_master"] {
      let result = try live.run("s.sql", "DELETE FROM \(table);")
      #expect(result.status == "rejected" && result.code == "SLUICE_FORBIDDEN")
    }
  }

  @Test("every PRAGMA, temporary object and counter ends with its job")
  func traces() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    let traces =
      "PRAGMA foreign_keys=ON; CREATE TEMP TABLE own(a); INSERT INTO t VALUES(5,1),(6,1);"
    #expect(try live.run("s.sql", traces).status == "done")
    let counters =
      "CREATE TABLE n%(c,t,r); INSERT INTO n% SELECT changes(),total_changes(),last_insert_rowid();"
    for kind in ["s.sql", "j.json", "b.jsonl"] {
      let name = String(kind.prefix(1))
      let sql = counters.replacing("%", with: name)
      let text = kind == "s.sql" ? sql : #"{"sql":"\#(sql)"}"#
      #expect(try live.run(kind, text).status == "done")
      #expect(try live.rows("SELECT * FROM n\(name)") == ["0|0|0"], "\(kind)")
    }
    let left =
      "SELECT (SELECT count(*) FROM sqlite_temp_schema), foreign_keys FROM pragma_foreign_keys"
    let found = try live.run("r.json", #"{"sql":"\#(left)"}"#)
    #expect(found.at("statements/0/rows/0")?.array?.map(\.integer) == [0, 0])
    #expect(try live.run("g.sql", "INSERT INTO t SELECT * FROM own").code == "SQLITE_ERROR")
  }
}
