import JSON
import Spool
import TestSupport
import Testing

/// The protocol's paragraphs on the values that go into a job and come back, and on the forms of
/// rows.
@Suite("A job: its values", .worker()) struct ValueSentences {
  @Test(
    "values: null, integers of 64 bits, reals, strings, true and false, blobs",
    arguments: [
      ("null", "null", "null"), ("7", "integer", "7"), ("-0", "integer", "0"),
      ("9223372036854775807", "integer", "9223372036854775807"),
      ("-9223372036854775808", "integer", "-9223372036854775808"), ("1.5", "real", "1.5"),
      ("1e3", "real", "1000.0"), ("9e999", "real", "9e999"), ("-9e999", "real", "-9e999"),
      ("1e400", "real", "9e999"), (#""é\u0000""#, "text", #""é\u0000""#), (#""""#, "text", #""""#),
      ("true", "integer", "1"), ("false", "integer", "0"),
      (#"{"$blob":"AP8="}"#, "blob", #"{"$blob":"AP8="}"#),
      (#"{"$blob":""}"#, "blob", #"{"$blob":""}"#),
    ])
  func value(given: String, type: String, back: String) throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    let result = try served.run(
      #"{"sql":"SELECT typeof(?1), ?1","params":[\#(given)]}"#, as: name)
    #expect(result.firstValue?.string == type)
    let text = served.spool.text("results/" + name) ?? ""
    #expect(text.contains("\"rows\":[[\"\(type)\",\(back)]]"), "\(text)")
  }

  @Test(
    "beyond 64 bits an integer is rejected, with its place",
    arguments: ["9223372036854775808", "-9223372036854775809"])
  func tooLarge(integer: String) throws {
    let result = try ServedSpool.get().run(#"{"sql":"SELECT ?","params":[\#(integer)]}"#)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer == "/params/0" && result.message.contains("/params/0"))
  }

  @Test(
    "a $blob is base64, a $ref a place that comes before",
    arguments: [
      (#"{"$blob":"A"}"#, "/params/0/$blob"), (#"{"$blob":5}"#, "/params/0/$blob"),
      (#"{"$ref":"0/0/0"}"#, "/params/0/$ref"), (#"{"$ref":"x"}"#, "/params/0/$ref"),
      (#"{"$ref":"0/-1/0"}"#, "/params/0/$ref"), (#"{"$other":1}"#, "/params/0"),
      (#"{"$blob":"","$ref":""}"#, "/params/0"),
    ])
  func badObject(value: String, pointer: String) throws {
    let result = try ServedSpool.get().run(#"{"sql":"SELECT ?","params":[\#(value)]}"#)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer == pointer && result.errorFault() == nil)
  }

  @Test("$ref is a value that an earlier statement returned, or the last insert's row id")
  func references() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE parent(x INTEGER PRIMARY KEY); CREATE TABLE child(p)"}"#)
    let result = try served.run(
      """
      {"statements":[{"sql":"INSERT INTO parent VALUES(41),(42) RETURNING x, x*2"},
      {"sql":"INSERT INTO child VALUES(?)","rows":[[{"$ref":"0/0/0"}],[{"$ref":"0/1/1"}]]},
      {"sql":"INSERT INTO parent VALUES(50)"},
      {"sql":"INSERT INTO child VALUES(:id)","params":{"id":{"$ref":"last_insert_rowid"}}}]}
      """)
    #expect(result.status == "done")
    #expect(try served.value("SELECT group_concat(p) FROM child")?.string == "41,84,50")
    let missing = try served.run(
      #"{"statements":[{"sql":"SELECT 1"},{"sql":"SELECT ?","params":[{"$ref":"0/9/0"}]}]}"#)
    #expect(missing.status == "failed" && missing.error?["statement"]?.integer == 1)
    #expect(missing.errorFault() == nil)
  }

  @Test(
    "params: positional (?, ?NNN) or named (:a, @a, $a; key without the sigil)",
    arguments: [
      (#""SELECT ?, ?""#, "[1,2]", [1, 2]), (#""SELECT ?2, ?1""#, "[1,2]", [2, 1]),
      (#""SELECT ?1, ?1""#, "[1]", [1, 1]),
      (#""SELECT :a, @b, $c""#, #"{"a":1,"b":2,"c":3}"#, [1, 2, 3]),
      (#""SELECT :a, @a""#, #"{"a":1}"#, [1, 1]), (#""SELECT 5""#, "[]", [5]),
      (#""SELECT 5""#, "{}", [5]),
    ] as [(String, String, [Int64])])
  func parameters(sql: String, params: String, values: [Int64]) throws {
    let result = try ServedSpool.get().run("{\"sql\":\(sql),\"params\":\(params)}")
    #expect(result.row.map(\.integer) == values)
  }

  @Test(
    "too many, missing or unknown parameters are errors",
    arguments: [
      (#""SELECT ?""#, "[]"), (#""SELECT ?""#, "[1,2]"), (#""SELECT 1""#, "[1]"),
      (#""SELECT :a""#, "{}"), (#""SELECT :a""#, #"{"b":1}"#), (#""SELECT :a""#, #"{"a":1,"b":1}"#),
      (#""SELECT ?""#, #"{"a":1}"#), (#""SELECT :a""#, #"{":a":1}"#), (#""SELECT ?3""#, "[1]"),
    ])
  func wrongParameters(sql: String, params: String) throws {
    let served = try ServedSpool.get()
    for rows in ["\"params\":\(params)", "\"rows\":[\(params)]"] {
      let result = try served.run("{\"sql\":\(sql),\(rows)}")
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
      #expect(result.errorFault() == nil)
    }
    #expect(try served.run("{\"sql\":\(sql)}").status == (sql.contains("1") ? "done" : "rejected"))
  }

  @Test("text that is not UTF-8 comes back as a $blob")
  func notUTF8() throws {
    let result = try ServedSpool.get().run(#"{"sql":"SELECT CAST(x'ff41' AS TEXT), 'ok'"}"#)
    #expect(result.firstValue?["$blob"]?.string == "/0E=" && result.row[1].string == "ok")
  }

  @Test("what a write returns is at most returning_limit: beyond, it rolls back")
  func returningLimit() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE returned(x)"}"#)
    let insert = "INSERT INTO returned VALUES(zeroblob(12582912)) RETURNING"
    let beyond = try served.run(#"{"sql":"\#(insert) x"}"#)
    #expect(beyond.status == "failed" && beyond.errorCode == "SLUICE_TOO_LARGE")
    #expect(beyond.errorFault() == nil)
    #expect(try served.value("SELECT count(*) FROM returned")?.integer == 0)
    #expect(try served.run(#"{"sql":"\#(insert) length(x)"}"#).firstValue?.integer == 12_582_912)
  }

  // MARK: result

  @Test("max_rows per statement: a cut result says truncated", arguments: [0, 2, 3, 4])
  func maxRows(most: Int) throws {
    let served = try ServedSpool.get()
    let table = "cut\(most)"
    try served.run(#"{"sql":"CREATE TABLE \#(table)(x)"}"#)
    let result = try served.run(
      """
      {"sql":"INSERT INTO \(table) VALUES(1),(2),(3) RETURNING x; SELECT x FROM \(table)",
      "result":{"max_rows":\(most)}}
      """)
    for statement in try #require(result["statements"]?.array) {
      #expect(statement["rows"]?.array?.count == min(most, 3))
      #expect(statement["truncated"]?.bool == (most < 3 ? true : nil))
    }
    #expect(try served.value("SELECT count(*) FROM \(table)")?.integer == 3)
  }

  @Test("objects: rows as objects; two columns of one name are rejected, with the word to use AS")
  func objects() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE objects(x)"}"#)
    let read = try served.run(#"{"sql":"SELECT 1 AS a, 'b' AS c","result":{"objects":true}}"#)
    #expect(read.rows[0]["a"]?.integer == 1 && read.rows[0]["c"]?.string == "b")
    for sql in ["SELECT 1 AS a, 2 AS a", "INSERT INTO objects VALUES(1) RETURNING x, x"] {
      let result = try served.run(#"{"sql":"\#(sql)","result":{"objects":true}}"#)
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB", "\(sql)")
      #expect(result.error?["hint"]?.string?.contains("AS") == true)
    }
    #expect(try served.value("SELECT count(*) FROM objects")?.integer == 0)
  }

  @Test(
    "format: jsonl or csv is for a read of one row-returning statement",
    arguments: [
      #"{"sql":"SELECT 1; SELECT 2","result":{"format":"csv"}}"#,
      #"{"statements":[{"sql":"SELECT 1"},{"sql":"SELECT 2"}],"result":{"format":"jsonl"}}"#,
      #"{"sql":"CREATE TABLE not_made(x)","result":{"format":"csv"}}"#,
      #"{"sql":"CREATE TABLE not_made(x) ","result":{"format":"jsonl"}}"#,
      #"{"sql":"SELECT ?","rows":[[1],[2]],"result":{"format":"csv"}}"#,
      #"{"sql":"SELECT 1","result":{"format":"csv","objects":true}}"#,
    ])
  func misplacedFormat(job: String) throws {
    let served = try ServedSpool.get()
    let result = try served.run(job)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer?.hasPrefix("/result/") == true && result.errorFault() == nil)
    #expect(try served.run(#"{"sql":"SELECT * FROM not_made"}"#).status == "failed")
  }

  @Test(
    "rows in a file of their own are in place before the result, whatever watches",
    arguments: ["jsonl", "csv"])
  func rowsFirst(format: String) throws {
    let served = try ServedSpool.get()
    for _ in 1...5 {
      let name = served.freshName()
      let result = try served.run(
        #"{"sql":"SELECT 1 AS a, NULL AS b, '' AS c, x'00' AS d","result":{"format":"\#(format)"}}"#,
        as: name)
      let file = try #require(result["statements"]?[0]?["rows"]?["file"]?.string)
      #expect(file == name.dropLast(5) + ".rows." + format)
      let rows =
        format == "csv" ? "a,b,c,d\n1,,\"\",AA==\n" : #"[1,null,"",{"$blob":"AA=="}]"# + "\n"
      #expect(served.spool.text("results/" + file) == rows)
    }
  }

  @Test("the statements of a read see one snapshot")
  func snapshot() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE snapshots(x)"}"#)
    let names = (1...40).map { _ in served.freshName() }
    for (index, name) in names.enumerated() {
      let sql =
        index % 2 == 0
        ? "INSERT INTO snapshots VALUES(1)"
        : "SELECT count(*) FROM snapshots; SELECT count(*) FROM snapshots"
      try served.spool.drop(name, #"{"sql":"\#(sql)"}"#)
    }
    for name in names {
      let result = try served.result(of: name)
      guard let second = result["statements"]?[1] else { continue }
      #expect(second["rows"]?[0]?[0]?.integer == result.firstValue?.integer)
    }
  }
}
