import Sluice
import Testing

@testable import Spool

@Suite struct JobOptionTests {
  private let decoder = JobDecoder(supporting: Set(JobFeature.allCases))

  @Test("times are seconds after arrival or instants")
  func times() throws {
    let job = try decode(
      #"{"sql":"x","expires":2.5,"not_before":"1970-01-01T01:00:01.5+01:00","after":["a","b"]}"#,
      decoder)
    #expect(job.expires == .afterArrival(seconds: 2.5))
    #expect(job.notBefore == .at(Timestamp(nanoseconds: 1_500_000_000)))
    #expect(job.after == ["a", "b"])
    let arrival = Timestamp(nanoseconds: 10)
    #expect(job.expires?.resolved(arrival: arrival).nanoseconds == 2_500_000_010)
  }

  @Test("cache is a number of seconds or false")
  func cache() throws {
    #expect(try decode(#"{"sql":"x","cache":1.5}"#, decoder).cacheSeconds == 1.5)
    #expect(try decode(#"{"sql":"x","cache":false}"#, decoder).cacheSeconds == 0)
    #expect(try decode(#"{"sql":"x"}"#, decoder).cacheSeconds == nil)
  }

  @Test(
    "a wrong option is named with its place",
    arguments: [
      (#""expires":-1"#, "/expires"), (#""expires":"tomorrow""#, "/expires"),
      (#""not_before":9e999"#, "/not_before"), (#""after":"a""#, "/after"),
      (#""after":[1]"#, "/after/0"), (#""after":[""]"#, "/after/0"), (#""cache":true"#, "/cache"),
      (#""result":{"format":"xml"}"#, "/result/format"),
      (#""rows":[],"result":{"format":"csv"}"#, "/result/format"),
      (#""result":{"format":"csv","objects":true}"#, "/result/objects"),
      (#""job":"a""#, "/job"), (#""to":"a""#, "/to"),
    ])
  func wrongOptions(fields: String, pointer: String) throws {
    #expect(try failure(#"{"sql":"x",\#(fields)}"#, decoder).error.pointer == pointer)
  }

  @Test("a format for rows fits one statement only")
  func formats() throws {
    #expect(
      try decode(#"{"sql":"x","result":{"format":"jsonl","objects":true}}"#, decoder).result
        == ResultOptions(format: .jsonl, objects: true))
    let two = #"{"statements":[{"sql":"x"},{"sql":"y"}],"result":{"format":"csv"}}"#
    #expect(try failure(two, decoder).error.pointer == "/result/format")
  }

  @Test("instants are read as RFC 3339 writes them, and written ones come back")
  func instants() {
    for nanoseconds in [0, 1_767_225_600_000_123_000, -1_000, 951_782_400_000_000_000] as [Int64] {
      let instant = Timestamp(nanoseconds: nanoseconds)
      #expect(InstantText.parse(instant.rfc3339) == instant)
    }
    #expect(InstantText.parse("2016-12-31T23:59:60Z") == InstantText.parse("2017-01-01T00:00:00z"))
    #expect(InstantText.parse("9999-12-31T23:59:59Z")?.nanoseconds == .max)
    #expect(InstantText.parse("0001-01-01T00:00:00Z")?.nanoseconds == .min)
    for wrong in [
      "", "2026-01-01", "2026-01-01T00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
      "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
      "2026-01-01T00:00:00.Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+1:00",
      "2026-01-01T00:00:00Zx", "２026-01-01T00:00:00Z",
    ] {
      #expect(InstantText.parse(wrong) == nil, "\(wrong)")
    }
  }

  @Test(
    "a SQL text is split at the semicolons that end statements",
    arguments: [
      ("SELECT 1", 1, 8), ("SELECT 1;", 1, 8), ("a;bb;;  ;c", 3, 2), ("", 0, 0), (" ;\n;", 0, 1),
      ("-- a;b\n", 0, 7), ("/* a;b */", 0, 9), ("/*/;x", 0, 5), ("x --;\n;y", 2, 6),
      ("';'';';x", 2, 6), ("\";\";[;];`;`", 3, 3), ("a-b;a/b", 2, 3), ("'open;", 1, 6),
    ])
  func outline(sql: String, parts: Int, longest: Int) {
    let outline = SQLOutline(sql)
    #expect(outline.parts == parts)
    #expect(outline.longest == longest)
    #expect(outline.firstNUL == nil)
  }

  @Test("a NUL is found wherever it stands")
  func nul() {
    for (sql, offset) in [("a\0", 1), ("'\0'", 1), ("--\0", 2), ("/*\0*/", 2), ("[\0\0]", 1)] {
      #expect(SQLOutline(sql).firstNUL == offset)
    }
  }
}
