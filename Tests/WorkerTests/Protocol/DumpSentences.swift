import Foundation
import JSON
import TestSupport
import Testing

/// A dump of the `sqlite3` shell runs as it is.
@Suite("Protocol: dumps", .enabled(if: SQLiteShell.isThere, "needs /usr/bin/sqlite3"))
struct DumpSentences {
  /// What `.dump` gives of it, restored by a job, is the same table by table.
  private func restore(_ source: String, _ command: String = ".dump") throws -> JSONNode {
    let live = try LiveSpool()
    defer { live.stop() }
    let path = live.spool.path + "/source.db"
    _ = try SQLiteShell.run(path, source)
    let dump = try SQLiteShell.run(path, command)
    let result = try live.run("d.sql", dump)
    guard result.status == "done" else { return result }
    let database = live.spool.path + "/main.db"
    let schema = """
      SELECT type, name, tbl_name, sql FROM sqlite_schema
      WHERE tbl_name NOT LIKE '~_sluice%' ESCAPE '~' ORDER BY 1, 2
      """
    #expect(try SQLiteShell.run(database, schema) == SQLiteShell.run(path, schema))
    let tables = try SQLiteShell.run(
      path, "SELECT name FROM sqlite_schema WHERE type IN ('table','view')")
    for table in tables.split(separator: "\n") {
      let name = table.replacing("\"", with: "\"\"")
      let rows = { (file: String) in
        try SQLiteShell.run(file, ".mode quote", "SELECT * FROM \"\(name)\" ORDER BY 1")
      }
      #expect(try rows(database) == rows(path), "\(table)")
    }
    return result
  }

  @Test(
    "a dump with triggers, views, generated columns, blobs and every kind of table runs as it is")
  func everything() throws {
    let result = try restore(
      #"""
      CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT NOT NULL DEFAULT 'x;y');
      INSERT INTO auto(t) VALUES('it''s; -- no'), ('two' || char(10) || 'lines'), (char(13,10) || '''');
      DELETE FROM auto WHERE id=3;
      CREATE TABLE bare(k TEXT, v, PRIMARY KEY(k, v)) WITHOUT ROWID;
      INSERT INTO bare VALUES('a', 9223372036854775807), ('b', -9223372036854775808), ('c', x'00ff');
      CREATE TABLE strict(i INT, r REAL, t TEXT, b BLOB, x ANY) STRICT;
      INSERT INTO strict VALUES(1, 1e308, 'é𝄞', x'', 1.5), (NULL, -1e-300, '', zeroblob(5000), NULL);
      CREATE TABLE gen(a INT, b INT AS (a * 2) STORED, c TEXT AS ('[' || a || ']'));
      INSERT INTO gen(a) VALUES(1), (2);
      CREATE TABLE child(a REFERENCES auto(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO child VALUES(1), (77);
      CREATE UNIQUE INDEX ix ON auto(t COLLATE NOCASE) WHERE t IS NOT NULL;
      CREATE INDEX ex ON bare(k || v);
      CREATE TRIGGER tr AFTER UPDATE OF t ON auto WHEN new.t <> old.t BEGIN
        INSERT INTO child VALUES(CASE WHEN new.id > 5 THEN 1 ELSE 2 END);
        SELECT RAISE(IGNORE) WHERE 'END;' = 'x'; END;
      CREATE VIEW both AS SELECT t, count(*) AS n FROM auto JOIN child ON a = id GROUP BY 1;
      CREATE TRIGGER iv INSTEAD OF INSERT ON both BEGIN INSERT INTO auto(t) VALUES(new.t); END;
      CREATE TABLE "odd ""na;me"" [x]"("select" , "a'b");
      INSERT INTO "odd ""na;me"" [x]" VALUES(1, 'q');
      ANALYZE;
      """#)
    #expect(result.status == "done", "\(result.at("error/message")?.string ?? "")")
    #expect(result["skipped"] == nil)
  }

  @Test("a dump of many thousand lines runs as it is, streamed")
  func long() throws {
    let result = try restore(
      """
      CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)
      INSERT INTO t SELECT i, hex(randomblob(40)), i/7.0 FROM n;
      """)
    #expect(result.status == "done")
    #expect(result.at("script/changes")?.integer == 20_000)
  }

  @Test(
    "one that needs writable_schema is rejected with what to do instead",
    arguments: [
      "CREATE VIRTUAL TABLE v USING fts5(a)", "CREATE VIRTUAL TABLE v USING rtree(a, b, c)",
    ])
  func virtual(table: String) throws {
    let result = try restore("\(table); CREATE TABLE t(a);")
    #expect(result.status == "rejected" && result.code == "SLUICE_FORBIDDEN")
    #expect(result.at("error/hint")?.string?.contains("CREATE VIRTUAL TABLE") == true)
    #expect(result.at("error/line") != nil)
  }

  @Test("a dump of a database that Sluice serves runs too, and counts what it skips")
  func served() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.make("CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b); CREATE INDEX i ON t(b);")
    try live.run("id.json", #"{"id":"k","sql":"INSERT INTO t(b) VALUES('x') RETURNING *"}"#)
    try live.run("b.jsonl", "{\"sql\":\"INSERT INTO t(b) VALUES(?)\",\"params\":[1]}\n[2]\n[3,4]\n")
    // Of its outcome, in hexadecimal, a statement would be too long.
    let large = #"{"sql":"INSERT INTO t(b) VALUES(hex(zeroblob(5000000))) RETURNING b"}"#
    #expect(try live.run("l.json", large).status == "done")
    #expect(try live.run("a.json", #"{"control":"analyze"}"#, lane: .control).status == "done")
    let served = live.spool.path + "/main.db"
    for command in [".dump", ".dump --newlines", ".dump --preserve-rowids"] {
      let dump = try SQLiteShell.run(served, command)
      #expect(
        dump.contains("INSERT INTO _sluice_ledger") && dump.contains("CREATE TABLE _sluice_ids"))
      let statements = dump.split(separator: "\n").filter {
        $0.hasPrefix("INSERT INTO _sluice_") || $0.hasPrefix("CREATE TABLE _sluice_")
          || ($0.hasPrefix("CREATE ") && $0.contains("INDEX _sluice_"))
      }
      let other = try LiveSpool()
      defer { other.stop() }
      let result = try other.run("d.sql", dump)
      #expect(result.status == "done", "\(result.at("error/message")?.string ?? "")")
      #expect(result["skipped"]?.integer == Int64(statements.count))
      for sql in ["SELECT a, length(b), b FROM t", "SELECT * FROM sqlite_sequence"] {
        #expect(try other.rows(sql) == live.rows(sql))
      }
      // The restored database is served by its own worker, whose ledger it did not touch.
      #expect(try other.run("n.json", #"{"id":"k","sql":"DELETE FROM t"}"#)["duplicate_of"] == nil)
    }
  }

  @Test("scripts as they are published run: Northwind's and Chinook's ways of writing")
  func published() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    var script = """
      \u{feff}/*******************************************************************************
         Sample Database - Version 1.4; it's for SQLite
      ********************************************************************************/\r
      PRAGMA foreign_keys=off;\r
      BEGIN TRANSACTION;\r
      DROP TABLE IF EXISTS [Categories];\r
      CREATE TABLE [Categories]\r
      (      [CategoryID] INTEGER PRIMARY KEY AUTOINCREMENT,\r
             [CategoryName] NVARCHAR(15) COLLATE NOCASE,\r
             [Picture] BLOB,\r
             CONSTRAINT [CK_Name] CHECK ([CategoryName] <> '')\r
      );\r
      INSERT INTO Categories VALUES(1,'Beverages; "soft"',X'FFD8FFE000104A46');\r
      CREATE VIEW [Alphabetical list] AS\r
      SELECT `Categories`.*, "Categories"."CategoryName" AS Name\r
      FROM [Categories] WHERE (((Categories.CategoryID)>0));\r
      CREATE TRIGGER [Stamp] AFTER INSERT ON [Categories] BEGIN\r
        UPDATE Categories SET CategoryName = CASE WHEN 1 THEN 'L''été' ELSE 'END;' END WHERE CategoryID = 2;\r
      END;\r
      INSERT INTO [Categories] ([CategoryName]) VALUES\r

      """
    for number in 0..<3000 {
      script +=
        "    ('Name \(number), ''quoted'' -- no comment')" + (number < 2999 ? ",\r\n" : ";\r\n")
    }
    script += "COMMIT;\r\nPRAGMA foreign_keys=on;\r\nSELECT count(*) FROM [Alphabetical list];"
    let result = try live.run("n.sql", script)
    #expect(result.status == "done", "\(result.at("error/message")?.string ?? "")")
    #expect(result.at("statements/0/rows/0/0")?.integer == 3001)
    #expect(try live.rows("SELECT CategoryName FROM Categories WHERE CategoryID=2") == ["L'été"])
  }
}
