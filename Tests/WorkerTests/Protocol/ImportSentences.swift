import Glibc
import JSON
import TestSupport
import Testing

/// The sentences of the protocol about imports, each against the built command.
@Suite("Protocol: imports") struct ImportSentences {
  /// A worker with `t(a INTEGER PRIMARY KEY, b TEXT, c)`, and an import into it.
  private struct Fixture {
    let live: LiveSpool

    init() throws {
      live = try LiveSpool()
      try live.make("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c)")
    }

    func load(_ content: String, _ fields: String = "", file: String = "f.csv") throws -> JSONNode {
      if file.first != "." { try live.spool.put(content, at: "data/" + file) }
      return try run(#""file":"\#(file)","table":"t""# + (fields.isEmpty ? "" : "," + fields))
    }

    func run(_ fields: String, _ outer: String = "") throws -> JSONNode {
      try live.run("x.json", #"{"import":{\#(fields)}\#(outer)}"#)
    }

    func rows() throws -> [String] {
      defer { try? live.make("DELETE FROM t") }
      return try live.rows(
        "SELECT a||'|'||coalesce(b,'NULL')||'|'||coalesce(c,'NULL') FROM t ORDER BY a")
    }
  }

  @Test(
    "a byte order mark and blank lines are skipped, NULL is told from an empty string, and affinity applies"
  )
  func csv() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    let text =
      "\u{feff}a,b\r\n1,x\r\n\r\n2,\"multi\r\nline\"\r\n 3 ,\r\n4,\"\"\r\n5,\"q\"\"q\"\r\n6,007"
    let result = try it.load(text)
    #expect(result.status == "done" && result["imported"]?.integer == 6)
    #expect(
      try it.rows() == [
        "1|x|NULL", "2|multi\r\nline|NULL", "3|NULL|NULL", "4||NULL", "5|q\"q|NULL", "6|007|NULL",
      ])
    for (content, imported) in [("", 0), ("a,b\n", 0), ("a,b\r8,x\r9,y\r", 2), ("a,b\n7,x", 1)] {
      #expect(try it.load(content)["imported"]?.integer == Int64(imported), "\(content)")
    }
    #expect(try it.rows() == ["7|x|NULL", "8|x|NULL", "9|y|NULL"])
    #expect(
      try it.load("10;x\n", #""delimiter":";","header":false,"columns":["a","b"]"#).status == "done"
    )
    #expect(
      try it.load("a\tb\n11\tx,y\n", #""delimiter":"\t","format":"csv""#, file: "f.tsv").status
        == "done")
    #expect(try it.load("12,x,y", #""header":false"#).status == "done")
    #expect(try it.load("X,Y\n13,z\n", #""columns":["a","c"]"#).status == "done")
    #expect(try it.rows() == ["10|x|NULL", "11|x,y|NULL", "12|x|y", "13|NULL|z"])
  }

  @Test("JSON Lines: arrays and objects, blobs, a missing column's default, and rows that are none")
  func jsonl() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    let rows = [
      #"{"a":1,"b":"x"}"#, "", #"[2,"y",null]"#, #"{"C":{"$blob":"AAE="},"a":3}"#, #"{"b":true}"#,
      "{}",
      "[7]", #"{"a":8,"zz":1}"#, "bad", #"{"a":9,"b":[1]}"#, #"{"a":10,"A":11}"#, "5",
      "[99999999999999999999,1,1]",
    ]
    let result = try it.load(rows.joined(separator: "\r\n"), #""errors":"skip""#, file: "f.jsonl")
    #expect(result["imported"]?.integer == 5 && result["skipped"]?.integer == 7)
    let lines = result["errors"]?.array?.map { $0["line"]?.integer }
    #expect(lines == [7, 8, 9, 10, 11, 12, 13])
    #expect(
      try it.rows() == ["1|x|NULL", "2|y|NULL", "3|NULL|\u{0}\u{1}", "4|1|NULL", "5|NULL|NULL"])
    let update = #""conflict":"update","key":["a"]"#
    #expect(try it.load("{\"a\":1,\"b\":\"n\"}\n{}\n", update, file: "f.jsonl").status == "done")
    let columns = try it.load("[3,\"c\"]\n{\"a\":4}\n", #""columns":["a","c"]"#, file: "f.jsonl")
    #expect(columns.status == "done")
    #expect(try it.rows() == ["1|n|NULL", "2|NULL|NULL", "3|NULL|c", "4|NULL|NULL"])
  }

  @Test("create makes the table with the types its values have, and the key of an upsert")
  func create() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    let cases: [(file: String, content: String, fields: String, sql: String?)] = [
      (
        "c.csv", "i,r,t,n,z\n1,1,a,,007\n2,2.5,1,,1\n", "",
        #"CREATE TABLE "n0"("i" INTEGER,"r" REAL,"t" TEXT,"n" TEXT,"z" TEXT)"#
      ),
      (
        "c.jsonl", "{\"a\":1}\n{\"b\":\"x\",\"a\":2}\n", "",
        #"CREATE TABLE "n1"("a" INTEGER,"b" TEXT)"#
      ),
      (
        "c.csv", "1,x\n", #","header":false,"columns":["p q","r"]"#,
        #"CREATE TABLE "n2"("p q" INTEGER,"r" TEXT)"#
      ),
      (
        "c.csv", "k,v\na,1\na,2\n", #","conflict":"update","key":["k"]"#,
        #"CREATE TABLE "n3"("k" TEXT,"v" INTEGER,PRIMARY KEY("k"))"#
      ),
      ("c.csv", "", "", nil),
    ]
    for (index, item) in cases.enumerated() {
      try it.live.spool.put(item.content, at: "data/" + item.file)
      let result = try it.run(
        #""file":"\#(item.file)","table":"n\#(index)","create":true"# + item.fields)
      #expect(result.status == "done", "\(index): \(result.at("error/message")?.string ?? "")")
      let sql = try it.live.rows("SELECT sql FROM sqlite_schema WHERE name='n\(index)'")
      #expect(sql == (item.sql.map { [$0] } ?? []))
    }
    #expect(try it.live.rows("SELECT k||v FROM n3") == ["a2"])
    let there = try it.run(#""file":"c.csv","table":"t","create":true"#)
    #expect(there.status == "done")
  }

  static let bad: [(fields: String, pointer: String)] = [
    (#""file":"../x.csv","table":"t""#, "/import/file"),
    (#""file":"/etc/passwd","table":"t""#, "/import/file"),
    (#""file":"a/../x.csv","table":"t""#, "/import/file"),
    (#""file":"./x.csv","table":"t""#, "/import/file"),
    (#""file":"a//x.csv","table":"t""#, "/import/file"),
    (#""file":"","table":"t""#, "/import/file"),
    (#""file":"f.txt","table":"t""#, "/import/file"), (#""table":"t""#, "/import"),
    (#""file":"f.csv""#, "/import"),
    (#""file":"f.csv","table":"""#, "/import/table"),
    (#""file":"f.csv","table":"t","foo":1"#, "/import/foo"),
    (#""file":"f.csv","table":"t","conflict":"nope""#, "/import/conflict"),
    (#""file":"f.csv","table":"t","conflict":"update""#, "/import/conflict"),
    (#""file":"f.csv","table":"t","key":["a"]"#, "/import/key"),
    (#""file":"f.csv","table":"t","columns":[]"#, "/import/columns"),
    (#""file":"f.csv","table":"t","columns":["a","A"]"#, "/import/columns"),
    (#""file":"f.csv","table":"t","errors":"go""#, "/import/errors"),
    (#""file":"f.csv","table":"t","from_line":0"#, "/import/from_line"),
    (#""file":"f.csv","table":"t","header":1"#, "/import/header"),
    (#""file":"f.csv","table":"t","delimiter":";;""#, "/import/delimiter"),
    (#""file":"f.csv","table":"t","delimiter":"é""#, "/import/delimiter"),
    (#""file":"f.jsonl","table":"t","delimiter":",""#, "/import/delimiter"),
    (#""file":"f.csv","table":"n","create":true,"header":false"#, "/import"),
  ]

  @Test("a wrong import is rejected with its place, and a path never leads out of data/")
  func rejected() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    for (fields, pointer) in Self.bad {
      let result = try it.run(fields)
      #expect(result.status == "rejected" && result.code == "SLUICE_BAD_JOB", "\(fields)")
      #expect(result.at("error/pointer")?.string?.hasPrefix(pointer) == true, "\(fields)")
    }
    for outer in [
      #","sql":"SELECT 1""#, #","rows":[[1]]"#, #","expect":{"changes":1}"#,
      #","result":{"objects":true}"#,
    ] {
      #expect(
        try it.run(#""file":"f.csv","table":"t""#, outer).code == "SLUICE_BAD_JOB", "\(outer)")
    }
    let data = it.live.spool.path + "/data/"
    try it.live.spool.put("a\n1\n", at: "data/real.csv")
    #expect(
      symlink(data + "real.csv", data + "link.csv") == 0 && symlink("/tmp", data + "out") == 0)
    #expect(mkfifo(data + "pipe.csv", 0o600) == 0 && mkdir(data + "dir.csv", 0o700) == 0)
    for (file, code) in [
      ("link.csv", "SLUICE_BAD_FILE"), ("pipe.csv", "SLUICE_BAD_FILE"),
      ("dir.csv", "SLUICE_BAD_FILE"),
      ("none.csv", "SLUICE_NOT_FOUND"), ("real.csv/x.csv", "SLUICE_NOT_FOUND"),
    ] {
      #expect(try it.run(#""file":"\#(file)","table":"t""#).code == code, "\(file)")
    }
    #expect(try it.run(#""file":"out/x.csv","table":"t""#).status == "failed")
    for table in ["_sluice_ids", "_SLUICE_ids", "sqlite_schema"] {
      #expect(
        try it.run(#""file":"real.csv","table":"\#(table)""#).code == "SLUICE_FORBIDDEN", "\(table)"
      )
    }
    #expect(try it.rows() == [])
  }

  @Test("what does not fit the table says what to do, and of a column named twice none is guessed")
  func misfits() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    let repeated = try it.load("a,b,A\n1,x,2\n")
    #expect(repeated.code == "SLUICE_BAD_FILE" && repeated.at("error/column")?.integer == 3)
    let unknown = try it.load("a,zz\n1,x\n")
    #expect(unknown.at("error/hint")?.string?.contains("\"columns\"") == true)
    let key = try it.load("a,b\n1,x\n", #""conflict":"update","key":["b"]"#)
    #expect(key.at("error/hint")?.string?.contains("\"key\"") == true)
    let table = try it.run(#""file":"f.csv","table":"none""#)
    #expect(table.at("error/hint")?.string?.contains("\"create\"") == true)
    #expect(try it.rows() == [])
  }

  @Test(
    "bad rows: stop leaves what is in and says where, skip tells the first twenty with line and column"
  )
  func badRows() throws {
    let it = try Fixture()
    defer { it.live.stop() }
    let ragged = "a,b\n1,\"x\n\ny\"\n2\n3,x,y\n4,z\"\n5,\"ok\"\nx,y\n1,again\n6,w\n"
    let stopped = try it.load(ragged)
    #expect(stopped.status == "failed" && stopped["imported"]?.integer == 1)
    #expect(stopped.at("error/line")?.integer == 5 && stopped.at("error/column")?.integer == 2)
    #expect(stopped["committed_through"]?.integer == 4 && stopped.commit != nil)
    #expect(try it.live.left("x.json")?.contains("\"from_line\":5") == true)
    let again = try it.load(ragged, #""errors":"skip""#)
    #expect(again["imported"]?.integer == 2 && again["skipped"]?.integer == 6)
    #expect(again["errors"]?.array?.map { $0["line"]?.integer } == [2, 5, 6, 7, 9, 10])
    #expect(again["errors"]?.array?.map { $0["column"]?.integer } == [1, 2, 3, 2, 1, 1])
    let all = "a,b\n" + (1...30).map { "x\($0),1\n" }.joined()
    #expect(try it.load(all, #""errors":"skip""#)["errors"]?.array?.count == 20)
    #expect(try it.load("a,b\n100,caf\n", #""from_line":1"#)["imported"]?.integer == 1)
    #expect(try it.load("a,b\n101,x\n102,y\n103,z\n", #""from_line":3"#)["imported"]?.integer == 2)
    #expect(try it.rows().suffix(3) == ["100|caf|NULL", "102|y|NULL", "103|z|NULL"])
    let atomic = try it.load("a,b\n1,x\n2\n", #""atomic":true"#)
    #expect(atomic.status == "failed" && atomic["imported"]?.integer == 0 && atomic.commit == nil)
    #expect(try it.rows() == [])
  }
}
