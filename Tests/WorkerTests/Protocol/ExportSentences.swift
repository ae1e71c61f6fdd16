import JSON
import TestSupport
import Testing

/// The sentences of the protocol about exports, each against the built command.
@Suite("Protocol: exports") struct ExportSentences {
  private static let rows =
    #"SELECT 1 AS i, -1.5 AS r, 'a,\"b\"' AS t, '' AS e, NULL AS n, x'00ff' AS b, char(10) AS l, 'é' AS u"#

  private func export(_ live: LiveSpool, _ result: String, _ sql: String = rows) throws -> JSONNode
  {
    try live.run("e.json", #"{"sql":"\#(sql)","result":\#(result)}"#)
  }

  @Test("CSV rows: a header line, NULL empty, an empty string \"\", blobs in base64")
  func csv() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let result = try export(live, #"{"format":"csv"}"#)
    #expect(
      result.at("statements/0/rows/file")?.string == "e.rows.csv"
        || result.at("rows/file")?.string == "e.rows.csv")
    let csv = "i,r,t,e,n,b,l,u\n1,-1.5,\"a,\"\"b\"\"\",\"\",,AP8=,\"\n\",é\n"
    #expect(try live.spool.result("e.rows.csv") == csv)
    // It comes back by an import as it was, blobs as their text.
    try live.spool.put(csv, at: "data/e.csv")
    let back = try live.run("i.json", #"{"import":{"file":"e.csv","table":"back","create":true}}"#)
    #expect(back["imported"]?.integer == 1)
    #expect(
      try live.rows("SELECT typeof(i)||typeof(e)||typeof(n), t, l FROM back")
        == ["integertextnull|a,\"b\"|\n"])
  }

  @Test("jsonl rows are values as in results, arrays or objects")
  func jsonl() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    _ = try export(live, #"{"format":"jsonl"}"#)
    #expect(
      try live.spool.result("e.rows.jsonl")
        == #"[1,-1.5,"a,\"b\"","",null,{"$blob":"AP8="},"\n","é"]"# + "\n")
    _ = try export(
      live, #"{"format":"jsonl","objects":true,"max_rows":1}"#, "SELECT 1 AS a UNION SELECT 2")
    #expect(try live.spool.result("e.rows.jsonl") == "{\"a\":1}\n")
    #expect(try live.spool.parsedResult("e.json")?.at("statements/0/truncated")?.bool == true)
  }

  @Test(
    "a format that does not fit is SLUICE_BAD_JOB",
    arguments: [
      #"{"sql":"CREATE TABLE t(a)","result":{"format":"csv"}}"#,
      #"{"sql":"SELECT 1; SELECT 2","result":{"format":"csv"}}"#,
      #"{"sql":"SELECT ?","rows":[[1],[2]],"result":{"format":"jsonl"}}"#,
      #"{"statements":[{"sql":"SELECT 1"},{"sql":"SELECT 1"}],"result":{"format":"csv"}}"#,
      #"{"sql":"SELECT 1","result":{"format":"xml"}}"#,
      #"{"sql":"SELECT 1","result":{"format":"csv","objects":true}}"#,
      #"{"sql":"SELECT 1 AS a, 2 AS a","result":{"objects":true}}"#,
    ])
  func misfits(job: String) throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let result = try live.run("e.json", job)
    #expect(result.status == "rejected" || result.status == "failed")
    #expect(result.code == "SLUICE_BAD_JOB", "\(job)")
    #expect(try live.spool.result("e.rows.csv") == nil)
  }
}
