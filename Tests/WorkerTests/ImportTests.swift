import Glibc
import JSON
import Spool
import TestSupport
import Testing

@Suite("Imports") struct ImportTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func load(_ fields: String, _ name: String = "x.json") throws -> JSONNode {
    try spool.work(name, #"{"import":{\#(fields)}}"#)
  }

  private func makeTable(_ sql: String) throws {
    #expect(try spool.work("table.json", #"{"sql":"\#(sql)"}"#).status == "done")
  }

  @Test("a CSV file becomes a table with the types that its values have")
  func create() throws {
    try spool.put(
      "p.csv",
      "\u{feff}id,price,code,note,none\n1,2,007,\"a\"\"b\",\n\n-2,2.50,12,,\n3,1e3,+4,\"\",\n")
    let result = try load(#""file":"p.csv","table":"p","create":true"#)
    #expect(result.status == "done")
    #expect(result["imported"]?.integer == 3)
    #expect(result["skipped"]?.integer == 0)
    #expect(result["errors"]?.array?.isEmpty == true)
    #expect((result["commit"]?.integer ?? 0) > 0)
    #expect(
      try spool.lines("SELECT group_concat(type) FROM pragma_table_info('p')")
        == ["INTEGER,REAL,TEXT,TEXT,TEXT"])
    #expect(
      try spool.lines("SELECT *, length(note) FROM p")
        == ["1|2.0|007|a\"b|NULL|3", "-2|2.5|12|NULL|NULL|NULL", "3|1000.0|+4||NULL|0"])
  }

  @Test("JSON lines are arrays or objects; an object's missing columns take their default")
  func jsonl() throws {
    try makeTable("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT DEFAULT 'd', c)")
    try spool.put(
      "r.jsonl",
      #"{"b":"x","a":1}"# + "\n[2,\"y\",true]\n{\"c\":{\"$blob\":\"AP8=\"}}\n\n{\"a\":9,\"d\":1}\n")
    let result = try load(#""file":"r.jsonl","table":"t","errors":"skip""#)
    #expect(result["imported"]?.integer == 3)
    #expect(result.at("errors/0/line")?.integer == 5)
    #expect(try spool.lines("SELECT * FROM t") == ["1|x|NULL", "2|y|1", "3|d|[0, 255]"])
  }

  @Test("columns name the targets in the file's order, with a header and without")
  func columns() throws {
    try makeTable("CREATE TABLE t(a,b,c)")
    try spool.put("h.csv", "x;y\n1;2\n")
    try spool.put("n.csv", "3,4\n")
    let columns = #""table":"t","columns":["c","a"]"#
    #expect(try load(#""file":"h.csv","delimiter":";",\#(columns)"#).status == "done")
    #expect(try load(#""file":"n.csv","header":false,\#(columns)"#).status == "done")
    #expect(try spool.lines("SELECT * FROM t") == ["2|NULL|1", "4|NULL|3"])
    try spool.put("all.csv", "5,6,7\n")
    #expect(try load(#""file":"all.csv","header":false,"table":"t""#).status == "done")
    #expect(try spool.lines("SELECT * FROM t WHERE a='5'") == ["5|6|7"])
  }

  @Test("at a bad row it stops, what is in stays, and the job in failed/ goes on from there")
  func stops() throws {
    try makeTable("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL)")
    try spool.put("f.csv", "a,b\n1,x\n2,y\n3,\n4,z\n")
    let job = #"{ "id":"load", "import": {"file":"f.csv", "table":"t"} }"#
    let result = try spool.work("x.json", job)
    #expect(result.status == "failed")
    #expect(result.code == "SQLITE_CONSTRAINT_NOTNULL")
    #expect(result.at("error/line")?.integer == 4)
    #expect(result.at("error/column")?.integer == 2)
    #expect(result["imported"]?.integer == 2)
    #expect(result["committed_through"]?.integer == 3)
    #expect(result["commit"]?.integer != nil)
    let left = try spool.text(spool.layout.failed, "x.json")
    #expect(left == #"{ "id":"load", "import": {"from_line":4,"file":"f.csv", "table":"t"} }"#)

    // Mended and dropped again: the same id goes on, also from the job as it was at first.
    try spool.put("f.csv", "a,b\n1,x\n2,y\n3,mended\n4,z\n")
    let second = try spool.work("y.json", job)
    #expect(second.status == "done")
    #expect(second["imported"]?.integer == 2)
    let third = try spool.work("z.json", left ?? "")
    #expect(third["duplicate_of"]?.string == "y.json")
    #expect(third["imported"]?.integer == 2)
    #expect(try spool.lines("SELECT * FROM t") == ["1|x", "2|y", "3|mended", "4|z"])
    let other = try spool.work("w.json", #"{"id":"load","import":{"file":"f.csv","table":"u"}}"#)
    #expect(other.code == "SLUICE_DUPLICATE")
  }

  @Test("from_line goes on without an id too")
  func fromLine() throws {
    try makeTable("CREATE TABLE t(a)")
    try spool.put("f.csv", "a\n1\n2\n3\n")
    let result = try load(#""file":"f.csv","table":"t","from_line":3"#)
    #expect(result["imported"]?.integer == 2)
    #expect(try spool.lines("SELECT a FROM t") == ["2", "3"])
  }

  @Test("bad rows are left out where that is asked for, and the first twenty are told")
  func skips() throws {
    try makeTable("CREATE TABLE t(a INTEGER PRIMARY KEY, b CHECK(b<>'bad'))")
    var content = "a,b\n"
    for row in 1...60 {
      content += row % 2 == 0 ? "\(row),bad\n" : "\(row),\"good\nrow\"\n"
    }
    try spool.put("f.csv", content + "61\n62,\"x\"y\n")
    let result = try load(#""file":"f.csv","table":"t","errors":"skip""#)
    #expect(result.status == "done")
    #expect(result["imported"]?.integer == 30)
    #expect(result["skipped"]?.integer == 32)
    #expect(result["errors"]?.array?.count == 20)
    #expect(result.at("errors/0/line")?.integer == 4)
    #expect(result.at("errors/1/line")?.integer == 7)
    #expect(result.at("errors/0/code")?.string == "SQLITE_CONSTRAINT_CHECK")
    #expect(try spool.lines("SELECT count(*) FROM t") == ["30"])
  }

  @Test(
    "a row that is there already is kept, replaced or updated",
    arguments: [
      (#""conflict":"ignore""#, "2|old|kept", 1, 1), (#""conflict":"replace""#, "2|new|NULL", 2, 0),
      (#""conflict":"update","key":["a"]"#, "2|new|kept", 2, 0),
    ])
  func conflicts(fields: String, row: String, imported: Int64, skipped: Int64) throws {
    try makeTable(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); INSERT INTO t VALUES(2,'old','kept')")
    try spool.put("f.csv", "a,b\n1,x\n2,new\n")
    let result = try load(#""file":"f.csv","table":"t",\#(fields)"#)
    #expect(result.status == "done")
    #expect(result["imported"]?.integer == imported)
    #expect(result["skipped"]?.integer == skipped)
    #expect(try spool.lines("SELECT * FROM t") == ["1|x|NULL", row])
  }

  @Test("an update makes its own table with the key it needs")
  func createdKey() throws {
    try spool.put("f.csv", "name,age\nann,1\nann,2\n")
    let fields = #""file":"f.csv","table":"t","create":true,"conflict":"update","key":["name"]"#
    #expect(try load(fields).status == "done")
    #expect(try spool.lines("SELECT * FROM t") == ["ann|2"])
  }

  @Test("an atomic import that stops leaves nothing, not even its table")
  func atomic() throws {
    try spool.put("f.csv", "a,b\n1,x\n2,y\n3\n")
    let result = try load(#""file":"f.csv","table":"t","create":true,"atomic":true"#)
    #expect(result.status == "failed")
    #expect(result.at("error/line")?.integer == 4)
    #expect(result["imported"]?.integer == 0)
    #expect(result["committed_through"] == nil)
    #expect(result["commit"] == nil)
    #expect(try spool.lines("SELECT name FROM sqlite_schema WHERE name='t'").isEmpty)
    #expect(try spool.text(spool.layout.failed, "x.json")?.contains("from_line") == false)
  }

  @Test("a row whose trigger undoes everything, or fails half-way, spoils itself only")
  func triggers() throws {
    try makeTable(
      """
      CREATE TABLE t(a); CREATE TABLE log(a); \
      CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a='rollback' \
      BEGIN SELECT RAISE(ROLLBACK,'all gone'); END; \
      CREATE TRIGGER f AFTER INSERT ON t WHEN new.a='fail' \
      BEGIN INSERT INTO log VALUES(new.a); SELECT RAISE(FAIL,'half'); END
      """)
    try spool.put("f.csv", "a\n1\nfail\n2\nrollback\n3\nrollback\n4\n")
    let result = try load(#""file":"f.csv","table":"t","errors":"skip""#)
    #expect(result.status == "done")
    #expect(result["imported"]?.integer == 4)
    #expect(result["skipped"]?.integer == 3)
    #expect(
      result["errors"]?.array?.compactMap { $0["message"]?.string } == [
        "half", "all gone", "all gone",
      ])
    #expect(try spool.lines("SELECT a FROM t") == ["1", "2", "3", "4"])
    #expect(try spool.lines("SELECT a FROM log").isEmpty)
  }

  @Test("what cannot be loaded at all is said, with what to do")
  func refused() throws {
    try spool.put("f.csv", "a\n1\n")
    #expect(symlink("/etc/passwd", spool.path + "/data/link.csv") == 0)
    try makeTable("CREATE TABLE t(b)")
    let missing = try load(#""file":"none.csv","table":"t""#)
    #expect(missing.code == "SLUICE_NOT_FOUND")
    #expect(try load(#""file":"link.csv","table":"t""#).code == "SLUICE_BAD_FILE")
    let own = try load(#""file":"f.csv","table":"_sluice_ledger""#)
    #expect(own.status == "rejected")
    #expect(own.code == "SLUICE_FORBIDDEN")
    let column = try load(#""file":"f.csv","table":"t""#)
    #expect(column.status == "failed")
    #expect(column.at("error/hint")?.string?.contains("\"columns\"") == true)
    let table = try load(#""file":"f.csv","table":"u""#)
    #expect(table.at("error/hint")?.string?.contains("\"create\"") == true)
    #expect(try spool.lines("SELECT count(*) FROM t") == ["0"])
  }
}
