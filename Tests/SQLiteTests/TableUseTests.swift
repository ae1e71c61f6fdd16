import TestSupport
import Testing

@testable import SQLite

@Suite("Which tables a statement uses")
final class TableUseTests {
  private static let schema = """
    CREATE TABLE t(a INTEGER PRIMARY KEY, b);
    CREATE TABLE "Ü x"(a, b UNIQUE) ;
    CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID;
    CREATE TABLE parent(id INTEGER PRIMARY KEY);
    CREATE TABLE child(p REFERENCES parent(id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE log(x);
    CREATE INDEX tb ON t(b);
    CREATE TRIGGER gone AFTER DELETE ON child BEGIN
      INSERT INTO log SELECT max(k) FROM w; END;
    CREATE VIEW v1 AS SELECT t.b, (SELECT count(*) FROM w) n FROM t;
    CREATE VIEW v2 AS SELECT count(*) c FROM v1, log;
    CREATE TRIGGER put INSTEAD OF INSERT ON v2 BEGIN UPDATE w SET v=new.c; END;
    """

  private static let reads = [
    "SELECT * FROM t", "SELECT count(*) FROM t", "SELECT 1 FROM T, w", "SELECT max(rowid) FROM log",
    "SELECT EXISTS(SELECT 1 FROM w)", "SELECT 1 IN (SELECT rowid FROM log)", "SELECT 2 IN log",
    "SELECT 1 IN (SELECT 2 FROM log)", "SELECT * FROM v1", "SELECT count(*) FROM v2",
    "WITH x AS (SELECT * FROM w) SELECT count(*) FROM x, x y",
    "WITH RECURSIVE n(i) AS (SELECT a FROM t UNION SELECT i+1 FROM n, log) SELECT * FROM n",
    "SELECT count(*) FROM (SELECT a FROM t UNION ALL SELECT k FROM w)",
    "SELECT t.a FROM t LEFT JOIN w ON w.k=t.a", "SELECT * FROM t, \"Ü x\"",
    "SELECT a FROM t WHERE b=(SELECT min(x) FROM log) OR b IN (SELECT k FROM w)",
    "SELECT (SELECT count(*) FROM log WHERE x=t.a) FROM t ORDER BY (SELECT v FROM w)",
    "SELECT sum(a) OVER (PARTITION BY b) FROM t GROUP BY (SELECT 1 FROM child)",
    "VALUES((SELECT count(*) FROM parent))", "SELECT a FROM \"Ü X\" EXCEPT SELECT x FROM log",
    "SELECT DISTINCT v FROM w INDEXED BY sqlite_autoindex_w_1 WHERE k>1",
    "SELECT b FROM t INDEXED BY tb WHERE b>1", "SELECT 1 FROM t WHERE 0",
    "SELECT * FROM t, json_each(t.b)", "SELECT * FROM (SELECT 1 FROM child LIMIT 1), parent",
  ]

  private let directory: String
  private let connection: Connection

  init() throws {
    directory = try TemporarySpool.makeDirectory()
    connection = try Connection(path: directory + "/x.db", role: .writer, foreignKeys: true)
    try connection.execute(Self.schema)
  }

  deinit { TemporarySpool.remove(directory) }

  /// The tables whose pages the compiled statement opens or clears, as EXPLAIN lists them.
  private func opened(_ sql: String, toWrite: Bool = false) throws -> Set<String> {
    var names: [Int64: String] = [:]
    let schema = try connection.prepareOwn("SELECT rootpage, tbl_name FROM sqlite_schema")
    while try schema.step() {
      if case .text(let name) = schema.value(1) { names[schema.integer(0)] = name }
    }
    var found: Set<String> = []
    let explain = try connection.prepareOwn("EXPLAIN " + sql)
    while try explain.step() {
      guard case .text(let instruction) = explain.value(1) else { continue }
      let root: Int64? =
        switch instruction {
        case "OpenRead": toWrite ? nil : explain.integer(3)
        case "OpenWrite": toWrite ? explain.integer(3) : nil
        case "Clear": toWrite ? explain.integer(2) : nil
        default: nil
        }
      if let root, let name = names[root] { found.insert(TableUse.folded(name)) }
    }
    return found
  }

  @Test("every table that SQLite opens for a read is in the set", arguments: reads)
  func read(sql: String) throws {
    let opened = try opened(sql)
    let reader = try Connection(path: directory + "/x.db", role: .reader)
    let statement = try #require(try reader.prepare(sql, subject: .reader)).statement
    #expect(opened.isSubset(of: statement.use.read), "\(opened) \(statement.use.read)")
    #expect(!opened.isEmpty || sql.hasSuffix("WHERE 0"))
    while try statement.step() {}
    statement.reset()
  }

  @Test(
    "a write is known with all that it sets off",
    arguments: [
      ("INSERT INTO t(b) VALUES(1)", ["t"]),
      ("DELETE FROM T", ["t"]),
      ("DELETE FROM w", ["w"]),
      ("REPLACE INTO parent VALUES(1)", ["parent", "child", "log"]),
      ("DELETE FROM parent", ["parent", "child", "log"]),
      ("UPDATE parent SET id=id+1", ["parent", "child"]),
      ("INSERT INTO v2 VALUES(1)", ["v2", "w"]),
      ("WITH x AS (SELECT 1 a) UPDATE w SET v=1 WHERE k IN (SELECT a FROM x)", ["w"]),
      ("INSERT INTO log VALUES(1) RETURNING x", ["log"]),
      ("SELECT * FROM t", []),
    ])
  func write(sql: String, tables: [String]) throws {
    let statement = try #require(try connection.prepare(sql, subject: .writer)).statement
    #expect(statement.use == TableUse(written: Set(tables)))
    let opened = try opened(sql, toWrite: true)
    #expect(opened.isSubset(of: statement.use.written))
    #expect(opened.isEmpty == tables.isEmpty)
  }

  @Test(
    "a change of more than rows is known as one",
    arguments: [
      "CREATE TABLE n(a)", "DROP TABLE log", "ALTER TABLE t ADD c", "CREATE INDEX i ON t(b)",
      "DROP VIEW v2", "ANALYZE", "REINDEX", "PRAGMA user_version=3", "CREATE TEMP TABLE x(a)",
    ])
  func more(sql: String) throws {
    let statement = try #require(try connection.prepare(sql, subject: .writer)).statement
    #expect(statement.use.changesMore)
  }

  @Test("a transaction knows what ran in it, whoever compiled it and when")
  func transaction() throws {
    let own = try connection.prepareOwn("INSERT INTO log VALUES(1)")
    let job = try #require(
      try connection.prepare("UPDATE w SET v=1", subject: .writer)
    ).statement
    let authorizer = connection.authorizer
    authorizer.beginTransaction()
    #expect(authorizer.transactionUse == TableUse())
    try own.run()
    #expect(authorizer.transactionUse == TableUse(written: ["log"]))
    try connection.execute("DELETE FROM t")
    try job.run()
    #expect(authorizer.transactionUse == TableUse(written: ["log", "t", "w"]))
    authorizer.beginTransaction()
    try job.run()
    #expect(authorizer.transactionUse == TableUse(written: ["w"]))
  }

  @Test("a statement that SQLite compiles again is known anew, for every later run")
  func recompiled() throws {
    let statement = try #require(
      try connection.prepare("INSERT INTO log VALUES(1)", subject: .writer)
    ).statement
    try statement.run()
    try connection.execute(
      "CREATE TRIGGER more AFTER INSERT ON log BEGIN DELETE FROM w; END")
    connection.authorizer.subject = .writer
    for _ in 0..<2 {
      connection.authorizer.beginTransaction()
      try statement.run()
      #expect(connection.authorizer.transactionUse == TableUse(written: ["log", "w"]))
    }
  }
}
