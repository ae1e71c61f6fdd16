import JSON
import SQLite
import Spool
import TestSupport
import Testing

@Suite("A .sql") struct ScriptTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  @discardableResult
  private func run(_ text: String, name: String = "s.sql") throws -> JSONNode {
    try spool.drop(name, text)
    try WorkerProcess.once(on: spool)
    return try JSONReader.parse(try spool.layout.results.contents(name + ".json") ?? [])
  }

  private var database: String { spool.path + "/main.db" }

  private static let source = #"""
    CREATE TABLE "odd ""name"" [x]"(id INTEGER PRIMARY KEY AUTOINCREMENT, "a;b" TEXT, c BLOB, r REAL);
    INSERT INTO "odd ""name"" [x]"("a;b",c,r) VALUES('it''s; -- no', x'00ff27', 1.5),
      (NULL, NULL, 1e300), ('two' || char(10) || 'lines', zeroblob(10), -0.25);
    DELETE FROM "odd ""name"" [x]" WHERE id = 3;
    CREATE TABLE p(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    INSERT INTO p VALUES('a', 1), ('b', 9007199254740993);
    CREATE TABLE c(id INTEGER PRIMARY KEY, k TEXT REFERENCES p(k) ON DELETE CASCADE,
      gen TEXT GENERATED ALWAYS AS (k || '!') VIRTUAL, twice INT AS (id * 2) STORED);
    INSERT INTO c(id, k) VALUES(1, 'a'), (2, 'b');
    CREATE INDEX ck ON c(k) WHERE k IS NOT NULL;
    CREATE TABLE log(t TEXT);
    CREATE TRIGGER noted AFTER INSERT ON p FOR EACH ROW WHEN NEW.v > 0 BEGIN
      INSERT INTO log VALUES(CASE WHEN NEW.v > 5 THEN 'big; END' ELSE 'small' END);
      UPDATE p SET v = v WHERE k = NEW.k;
    END;
    CREATE VIEW both AS SELECT p.k, count(*) AS n FROM p JOIN c USING(k) GROUP BY 1;
    ANALYZE;
    """#

  @Test(
    "restores what the sqlite3 shell dumps, also from a database that Sluice serves",
    .enabled(if: SQLiteShell.isThere, "needs /usr/bin/sqlite3"))
  func dump() throws {
    _ = try SQLiteShell.run(spool.path + "/source.db", Self.source)
    let dump = try SQLiteShell.run(spool.path + "/source.db", ".dump")
    let result = try run(dump)
    #expect(result["status"]?.string == "done", "\(dump)")
    #expect(result["skipped"] == nil)
    let other = try TemporarySpool()
    let served = try SQLiteShell.run(database, ".dump")
    try other.drop("s.sql", served)
    try WorkerProcess.once(on: other)
    let second = try JSONReader.parse(try other.layout.results.contents("s.sql.json") ?? [])
    #expect(second["status"]?.string == "done")
    #expect(second["skipped"]?.integer ?? 0 > 5)
    for restored in [database, other.path + "/main.db"] {
      let tables = ["odd \"name\" [x]", "p", "c", "log", "both", "sqlite_sequence", "sqlite_stat1"]
      for table in tables {
        let sql = "SELECT * FROM \"\(table.replacing("\"", with: "\"\""))\" ORDER BY 1"
        let wanted = try SQLiteShell.run(spool.path + "/source.db", sql)
        #expect(try SQLiteShell.run(restored, sql) == wanted, "\(table)")
      }
      let schema = """
        SELECT type, name, tbl_name, sql FROM sqlite_schema
        WHERE tbl_name NOT LIKE '~_sluice~_%' ESCAPE '~' ORDER BY 1, 2
        """
      #expect(
        try SQLiteShell.run(restored, schema) == SQLiteShell.run(spool.path + "/source.db", schema))
    }
  }

  @Test(
    "a dump of a virtual table is rejected with what to do instead",
    .enabled(if: SQLiteShell.isThere, "needs /usr/bin/sqlite3"))
  func virtualTable() throws {
    _ = try SQLiteShell.run(spool.path + "/source.db", "CREATE VIRTUAL TABLE f USING fts5(a)")
    let result = try run(try SQLiteShell.run(spool.path + "/source.db", ".dump"))
    #expect(result["status"]?.string == "rejected")
    #expect(result["error"]?["code"]?.string == "SLUICE_FORBIDDEN")
    #expect(result["error"]?["hint"]?.string?.contains("CREATE VIRTUAL TABLE") == true)
    #expect(result["error"]?["line"]?.integer == 3)
  }

  @Test("takes sample databases as they are published: many rows at once, quotes, comments")
  func sample() throws {
    let result = try run(
      #"""
      -- sluice: {"id":"sample","meta":"m","timeout":60}
      /*******************************************************************************
         Sample ; Database - Version 1.4
      ********************************************************************************/
      DROP TABLE IF EXISTS [Album];
      CREATE TABLE [Album]
      (
          [AlbumId] INTEGER  NOT NULL,
          [Title] NVARCHAR(160)  NOT NULL,
          CONSTRAINT [PK_Album] PRIMARY KEY  ([AlbumId])
      );
      CREATE UNIQUE INDEX [IPK_Album] ON [Album]([AlbumId]);
      INSERT INTO [Album] ([AlbumId], [Title]) VALUES (1, N'For Those About To Rock; We Salute You'),
          (2, 'L''été'), (3, "double");
      SELECT count(*) AS n FROM Album;
      """#.replacing("N'", with: "'").replacing("\"double\"", with: "'double'"))
    #expect(result["status"]?.string == "done")
    #expect(result["meta"]?.string == "m")
    #expect(result["script"]?["statements"]?.integer == 5)
    #expect(result["script"]?["changes"]?.integer == 3)
    #expect(result["statements"]?[0]?["rows"]?[0]?[0]?.integer == 3)
    #expect(result["statements"]?[0]?["line"]?.integer == 15)
    try run("SELECT 1")
    let again = try run(
      #"-- sluice: {"id":"sample"}"# + "\nCREATE TABLE other(a)", name: "again.sql")
    #expect(again["error"]?["code"]?.string == "SLUICE_DUPLICATE")
  }

  static let wrong: [(String, String, Int64?)] = [
    ("CREATE TABLE a(b);\nINSERT INTO a\n VALUES(1,\n 2);", "SQLITE_ERROR", 2),
    ("CREATE TABLE a(b);\n.read x\n", "SLUICE_BAD_JOB", 2),
    ("CREATE TABLE a(b);\n\nROLLBACK;", "SLUICE_FORBIDDEN", 3),
    ("CREATE TABLE a(b);SAVEPOINT x;", "SLUICE_FORBIDDEN", 1),
    ("CREATE TABLE a(b);\nPRAGMA foreign_keys=1;\nINSERT INTO a VALUES(1);", "SLUICE_FORBIDDEN", 3),
    ("CREATE TABLE a(b);\nCREATE VIEW v AS SELECT * FROM _sluice_ids;", "SLUICE_FORBIDDEN", 2),
    ("CREATE TABLE a(b);\nCREATE TABLE c(x REFERENCES _sluice_ids);", "SLUICE_FORBIDDEN", 2),
    ("CREATE TABLE a(b);\nDELETE FROM _sluice_ids;", "SLUICE_FORBIDDEN", 2),
    ("CREATE TABLE a(b);\nINSERT INTO a VALUES(?);", "SLUICE_BAD_JOB", 2),
    ("-- nothing\n", "SLUICE_BAD_JOB", nil),
    ("SELECT 1;\n\nSELECT x\nFROM y;", "SQLITE_ERROR", 3),
  ]

  @Test("is all or nothing, and says in which line it is wrong", arguments: wrong)
  func wrongScript(script: String, code: String, line: Int64?) throws {
    let result = try run(script)
    #expect(result["error"]?["code"]?.string == code)
    #expect(result["error"]?["line"]?.integer == line)
    #expect(spool.names(spool.layout.failed) == ["s.sql"])
    let connection = try Connection(path: database, role: .reader)
    #expect(try !connection.prepareOwn("SELECT 1 FROM sqlite_schema WHERE name='a'").step())
  }

  @Test("a leading PRAGMA foreign_keys holds for the job, BEGIN and COMMIT join it")
  func foreignKeys() throws {
    let tables = "CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(a REFERENCES p(a));"
    #expect(try run(tables)["status"]?.string == "done")
    let on = try run("/* c */ PRAGMA foreign_keys = ON;\nBEGIN;\nINSERT INTO c VALUES(1);\nCOMMIT;")
    #expect(on["error"]?["code"]?.string == "SQLITE_CONSTRAINT_FOREIGNKEY")
    let off = try run("PRAGMA foreign_keys=OFF;\nBEGIN;\nINSERT INTO c VALUES(1);\nCOMMIT;")
    #expect(off["status"]?.string == "done")
  }

  @Test("a statement beyond the limit is refused, in whatever place")
  func tooLong() throws {
    let text = String(repeating: "x", count: 16 << 20)
    let result = try run("CREATE TABLE a(b);\nINSERT INTO a VALUES('\(text)');")
    #expect(result["status"]?.string == "rejected")
    #expect(result["error"]?["code"]?.string == "SLUICE_TOO_LARGE")
    #expect(result["error"]?["line"]?.integer == 2)
  }

  @Test("one that only reads is a read: its rows come without a commit")
  func reads() throws {
    let result = try run("SELECT 1 AS a;\n-- c\nSELECT 2;")
    #expect(result["status"]?.string == "done")
    #expect(result["commit"] == nil)
    #expect(result["statements"]?.array?.count == 2)
  }
}
