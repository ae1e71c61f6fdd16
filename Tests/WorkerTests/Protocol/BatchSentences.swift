import JSON
import TestSupport
import Testing

/// The sentences of the protocol about `NAME.jsonl`, each against the built command.
@Suite("Protocol: NAME.jsonl") struct BatchSentences {
  private func counts(_ totals: JSONNode) -> [Int64?] {
    ["total", "done", "failed", "rejected"].map { totals.at("lines/" + $0)?.integer }
  }

  /// A worker with `t(a INTEGER PRIMARY KEY, b)`.
  private func withTable() throws -> LiveSpool {
    let live = try LiveSpool()
    try live.make("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    return live
  }

  private static let insert = #"{"sluice":{"sql":"INSERT INTO t VALUES(?,?)"}}"#

  static let wrongLines: [(line: String, code: String, pointer: String?)] = [
    (#"{"sql":"SELECT 1","priority":"low"}"#, "SLUICE_BAD_JOB", "/priority"),
    (#"{"sql":"SELECT 1","timeout":1}"#, "SLUICE_BAD_JOB", "/timeout"),
    (#"{"sql":"SELECT 1","meta":1}"#, "SLUICE_BAD_JOB", "/meta"),
    (#"{"sql":"SELECT 1","after":["x"]}"#, "SLUICE_BAD_JOB", "/after"),
    (#"{"sql":"SELECT 1","sql":"SELECT 2"}"#, "SLUICE_BAD_JOB", "/sql"),
    (#"{"control":"shutdown"}"#, "SLUICE_BAD_JOB", "/control"),
    (#"{"import":{"file":"x.csv","table":"t"}}"#, "SLUICE_BAD_JOB", "/import"),
    (#"{"sluice":{"sql":"SELECT 1"}}"#, "SLUICE_BAD_JOB", "/sluice"),
    (#"{"sql":"SELECT 1","params":[99999999999999999999]}"#, "SLUICE_BAD_JOB", "/params/0"),
    (#""text""#, "SLUICE_BAD_JOB", ""), ("12", "SLUICE_BAD_JOB", ""),
    ("{\"sql\":", "SLUICE_BAD_JSON", nil), ("hello", "SLUICE_BAD_JSON", nil),
    ("\u{0}", "SLUICE_BAD_JSON", nil),
    (#"{"sql":"ATTACH 'x' AS y"}"#, "SLUICE_FORBIDDEN", nil),
    (#"{"sql":"ROLLBACK"}"#, "SLUICE_FORBIDDEN", nil),
  ]

  @Test("each line is a job object with only the fields of a line; its error is as in a result")
  func fields() throws {
    let live = try withTable()
    defer { live.stop() }
    let text = Self.wrongLines.map { $0.line + "\n\n{\"sql\":\"INSERT INTO t(b) VALUES(1)\"}\n" }
      .joined()
    let totals = try live.run("b.jsonl", text)
    let count = Int64(Self.wrongLines.count)
    #expect(counts(totals) == [2 * count, count, 0, count])
    let lines = try live.lines("b.jsonl")
    for (index, wrong) in Self.wrongLines.enumerated() {
      let result = lines[2 * index]
      #expect(result["line"]?.integer == Int64(3 * index + 1))
      #expect(result.status == "rejected" && result.code == wrong.code, "\(wrong.line)")
      #expect(result.at("error/pointer")?.string == wrong.pointer, "\(wrong.line)")
      if wrong.code == "SLUICE_BAD_JSON" {
        // The physical line, not the one of the text that was parsed.
        #expect(result.at("error/line")?.integer == Int64(3 * index + 1))
        #expect(result.at("error/column") != nil)
      }
      #expect(lines[2 * index + 1].status == "done", "behind \(wrong.line)")
    }
    let good =
      #"{"id":"i","statements":[{"sql":"INSERT INTO t(b) VALUES(:b) RETURNING a","rows":[{"b":8},{"b":9}],"expect":{"changes":2}},{"sql":"UPDATE t SET b=10 WHERE a=?","params":[{"$ref":"0/1/0"}]}]}"#
    #expect(try live.run("g.jsonl", good).status == "done")
    #expect(try live.lines("g.jsonl")[0]["changes"]?.integer == 3)
    #expect(try live.lines("g.jsonl")[0]["id"]?.string == "i")
    let mismatch = #"{"sql":"UPDATE t SET b=1 WHERE a=-1","expect":{"changes":1}}"#
    #expect(counts(try live.run("e.jsonl", mismatch)) == [1, 0, 1, 0])
    #expect(try live.lines("e.jsonl")[0].code == "SLUICE_EXPECT")
  }

  @Test("a bare array is the params of the previous sql, the header's at first")
  func bareArrays() throws {
    let live = try withTable()
    defer { live.stop() }
    let totals = try live.run(
      "b.jsonl",
      Self.insert + "\n" + #"""
        [1,"header"]
        {"params":[2,"header"]}
        {"rows":[[3,"header"],[4,"header"]]}
        {"sql":"INSERT INTO t VALUES(?,'own')","params":[5]}
        [6]
        {"statements":[{"sql":"SELECT 1"}]}
        [7]
        {"sql":"SELECT ?","params":[1]}
        [8]
        """#)
    #expect(counts(totals) == [9, 9, 0, 0])
    #expect(
      try live.rows("SELECT a||b FROM t")
        == ["1header", "2header", "3header", "4header", "5own", "6own", "7own"])
    #expect(try live.lines("b.jsonl")[8].at("statements/0/rows/0/0")?.integer == 8)
    let first = try live.run("f.jsonl", "[1,2]\n")
    #expect(counts(first) == [1, 0, 0, 1])
  }

  @Test("blank lines are skipped, and counted; CRLF and a last line without its end are fine")
  func blankLines() throws {
    let live = try withTable()
    defer { live.stop() }
    for end in ["\n", "\r\n"] {
      let totals = try live.run(
        "b.jsonl", [Self.insert, "", "[1,1]", "  \t", "[2,2]", "", "[1,3]"].joined(separator: end))
      #expect(counts(totals) == [3, 2, 1, 0])
      #expect(try live.lines("b.jsonl").map { $0["line"]?.integer } == [3, 5, 7])
      #expect(try live.run("d.json", #"{"sql":"DELETE FROM t"}"#).status == "done")
    }
  }

  @Test("each line takes effect exactly once by itself, whatever its neighbours do")
  func apart() throws {
    let live = try withTable()
    defer { live.stop() }
    let totals = try live.run(
      "b.jsonl",
      #"""
      {"sql":"INSERT INTO t VALUES(1,'a')"}
      {"sql":"INSERT INTO t VALUES(2,'b'); INSERT INTO t VALUES(1,'half')"}
      {"sql":"INSERT OR ROLLBACK INTO t VALUES(1,'c')"}
      {"sql":"BEGIN; INSERT INTO t VALUES(3,'d'); COMMIT"}
      {"sql":"CREATE TABLE u(a)"}
      {"sql":"INSERT INTO u VALUES(1)"}
      {"sql":"DROP TABLE u"}
      {"sql":"INSERT INTO u VALUES(2)"}
      {"sql":"SELECT count(*) FROM t"}
      """#)
    #expect(counts(totals) == [9, 6, 3, 0])
    #expect(try live.rows("SELECT a||b FROM t") == ["1a", "3d"])
    let lines = try live.lines("b.jsonl")
    #expect(lines[1].code == "SQLITE_CONSTRAINT_PRIMARYKEY")
    #expect(lines[1].at("error/statement")?.integer == 1)
    #expect(lines[7].code == "SQLITE_ERROR")
    #expect(lines[8].at("statements/0/rows/0/0")?.integer == 2)
  }

  @Test(
    "a first line gives what holds for the whole file, and what does not fit is told with its place"
  )
  func header() throws {
    let live = try withTable()
    defer { live.stop() }
    func header(_ fields: String, _ lines: String = "\n{\"sql\":\"SELECT 1 AS a UNION SELECT 2\"}")
      throws -> JSONNode
    {
      try live.run("h.jsonl", "{\"sluice\":{\(fields)}}" + lines)
    }
    #expect(try header(#""priority":"bulk""#)["priority"]?.string == "bulk")
    #expect(try header(#""meta":{"m":1}"#).at("meta/m")?.integer == 1)
    #expect(try header(#""database":"none""#).code == "SLUICE_NO_DATABASE")
    #expect(try header(#""expires":0"#).status == "expired")
    #expect(try header(#""after":["h.jsonl"]"#).code == "SLUICE_CYCLE")
    #expect(try header(#""transaction":"immediate""#).status == "done")
    #expect(try header(#""result":{"objects":true,"max_rows":1}"#).status == "done")
    let cut = try live.lines("h.jsonl")[0]
    #expect(cut.at("statements/0/rows/0/a")?.integer == 1)
    #expect(cut.at("statements/0/truncated")?.bool == true)
    for (fields, pointer) in [
      (#""foo":1"#, "/sluice/foo"), (#""id":"x""#, "/sluice/id"),
      (#""params":[1]"#, "/sluice/params"),
      (#""timeout":"1""#, "/sluice/timeout"),
      (#""result":{"format":"csv"}"#, "/sluice/result/format"),
    ] {
      let result = try header(fields)
      #expect(result.status == "rejected" && result.code == "SLUICE_BAD_JOB", "\(fields)")
      #expect(result.at("error/pointer")?.string == pointer)
      #expect(try live.left("h.jsonl")?.hasPrefix("{\"sluice\":{\(fields)}}") == true)
    }
    let beside = try live.run("s.jsonl", "{\"sluice\":{},\"sql\":\"SELECT 1\"}\n")
    #expect(beside.at("error/pointer")?.string == "/sql")
    #expect(counts(try header(#""sql":"SELECT ?""#, "\n")) == [0, 0, 0, 0])
  }

  @Test("what is left holds the header and just the lines not done, ready to be mended and dropped")
  func leftover() throws {
    let live = try withTable()
    defer { live.stop() }
    try live.run(
      "b.jsonl", Self.insert + "\r\n[1,1]\r\n[1,2]\r\n\r\n[2,2,2]\r\n[3,3]\r\n{oops}\r\n[3,4]")
    let left = try #require(try live.left("b.jsonl"))
    #expect(
      String(left.unicodeScalars.filter { $0 != "\r" }) == Self.insert
        + "\n[1,2]\n[2,2,2]\n{oops}\n[3,4]\n")
    let mended = left.replacing("[1,2]", with: "[4,4]").replacing("[2,2,2]", with: "[2,2]")
      .replacing("{oops}", with: "[5,5]").replacing("[3,4]", with: "[6,6]")
    #expect(try live.run("b.jsonl", mended).status == "done")
    #expect(try live.rows("SELECT a FROM t") == ["1", "2", "3", "4", "5", "6"])
  }

  @Test(
    "totals: done if every line was, else failed with SLUICE_LINES, and a commit, ids with their first use"
  )
  func totals() throws {
    let live = try withTable()
    defer { live.stop() }
    let good = try live.run("g.jsonl", Self.insert + "\n{\"id\":\"k\",\"params\":[1,1]}\n")
    #expect(good.status == "done" && good.commit != nil && good["error"] == nil)
    let again = try live.run(
      "h.jsonl",
      Self.insert + "\n{\"id\":\"k\",\"params\":[1,1]}\n{\"id\":\"k\",\"params\":[2,2]}\n")
    #expect(again.status == "failed" && again.code == "SLUICE_LINES")
    #expect(counts(again) == [2, 1, 0, 1])
    let lines = try live.lines("h.jsonl")
    #expect(lines[0]["duplicate_of"]?.string == "g.jsonl" && lines[0]["line"]?.integer == 2)
    // That of the line's own chunk; the batch has that of its last.
    #expect((1...(good.commit ?? 0)).contains(lines[0].commit ?? 0))
    #expect(lines[1].code == "SLUICE_DUPLICATE")
    // The sql in force belongs to a line's content.
    let other =
      #"{"sluice":{"sql":"REPLACE INTO t VALUES(?,?)"}}"# + "\n{\"id\":\"k\",\"params\":[1,1]}\n"
    try live.run("o.jsonl", other)
    #expect(try live.lines("o.jsonl")[0].code == "SLUICE_DUPLICATE")
  }

  @Test("a line may be long, and one beyond the limit is rejected alone")
  func longLines() throws {
    let live = try LiveSpool(["--set", "limits.job_bytes=2MiB"])
    defer { live.stop() }
    try live.make("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    let (fits, tooLong) = (
      String(repeating: "x", count: 2_000_000), String(repeating: "y", count: 2_200_000)
    )
    let totals = try live.run(
      "b.jsonl", Self.insert + "\n[1,\"\(fits)\"]\n[2,\"\(tooLong)\"]\n[3,3]\n")
    #expect(counts(totals) == [3, 1, 0, 2] || counts(totals) == [3, 2, 0, 1])
    #expect(try live.lines("b.jsonl")[1].code == "SLUICE_TOO_LARGE")
    #expect(try live.rows("SELECT length(b) FROM t WHERE a=1") == ["2000000"])
  }

  @Test("progress shows in sluice status, and submit --wait waits for the totals")
  func progress() throws {
    let live = try withTable()
    defer { live.stop() }
    var text = Self.insert + "\n"
    for number in 1...60_000 { text += "[\(number),\"x\"]\n" }
    try live.spool.drop("b.jsonl", text, lane: .bulk)
    var seen = ""
    #expect(
      try eventually {
        seen = try live.spool.sluice("status").output
        return seen.contains("b.jsonl") && seen.contains("%")
      }, "\(seen)")
    let wait = try live.spool.sluice("wait", "b.jsonl")
    #expect(wait.status == 0 && wait.output == "b.jsonl done\n")
  }
}
