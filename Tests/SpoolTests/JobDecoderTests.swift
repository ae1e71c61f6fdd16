import Sluice
import Spool
import Testing

@Suite struct JobDecoderTests {
  @Test("a job with every field is taken over field by field")
  func everyField() throws {
    let job = try decode(
      #"""
      {"id":"order-1","meta":{"who": "web", "who":12345678901234567890},"database":"archive",
       "priority":"low","transaction":"exclusive","timeout":2.5,"retries":0,
       "sql":"UPDATE t SET a = ?","params":[1],"expect":{"changes":1,"rows":0,"value":null},
       "result":{"format":"json","max_rows":10,"objects":true}}
      """#)
    #expect(job.id == "order-1")
    #expect(text(job.meta) == #"{"who": "web", "who":12345678901234567890}"#)
    #expect(job.database == "archive")
    #expect(job.priority == .low)
    #expect(job.transaction == .exclusive)
    #expect(job.timeout == 2.5)
    #expect(job.retries == 0)
    #expect(job.result == ResultOptions(maxRows: 10, objects: true))
    #expect(
      job.statements == [
        JobStatement(
          sql: "UPDATE t SET a = ?", parameters: .once(.positional([.value(.integer(1))])),
          expect: Expectation(changes: 1, rows: 0, value: .null))
      ])
  }

  @Test("what is not said has its default")
  func defaults() throws {
    let job = try decode(#"{"sql":"SELECT 1"}"#)
    #expect(job == Job(statements: [JobStatement(sql: "SELECT 1")]))
    #expect(job.database == "main")
  }

  @Test("values keep their types, named and positional, once and in rows")
  func values() throws {
    let values = #"[null,-9223372036854775808,1.0,"é\u0000",true,false,{"$blob":"AQI="},9e999]"#
    let job = try decode(
      """
      {"statements":[{"sql":"INSERT INTO t VALUES(?)","rows":[\(values),{"a":2}]},
       {"sql":"SELECT :a","params":{"a":{"$ref":"0/12/3"},"b":{"$ref":"last_insert_rowid"}}}]}
      """)
    #expect(
      job.statements[0].parameters
        == .rows([
          .positional([
            .value(.null), .value(.integer(.min)), .value(.real(1)), .value(.text("é\0")),
            .value(.integer(1)), .value(.integer(0)), .value(.blob([1, 2])),
            .value(.real(.infinity)),
          ]),
          .named([NamedParameter(name: "a", value: .value(.integer(2)))]),
        ]))
    #expect(
      job.statements[1].parameters
        == .once(
          .named([
            NamedParameter(
              name: "a", value: .result(ResultPlace(statement: 0, row: 12, column: 3))),
            NamedParameter(name: "b", value: .lastInsertRowid),
          ])))
  }

  @Test(
    "a wrong field is named with its place, what was found and what is expected",
    arguments: [
      (#"{"sql":1}"#, "/sql", #""sql" must be a string of SQL, found 1"#),
      (#"{"sql":" ; -- x"}"#, "/sql", #""sql" holds no statement, found " ; -- x""#),
      (#"{"sql":"SELECT '\u0000'"}"#, "/sql", "NUL character at its byte 8"),
      (#"{"sql":"x","params":3}"#, "/params", "an array or an object of values, found 3"),
      (#"{"sql":"x","params":[1,[2]]}"#, "/params/1", "{\"$blob\":\"base64\"} or"),
      (#"{"sql":"x","params":{"a":{}}}"#, "/params/a", #"a value in "a" must be"#),
      (#"{"sql":"x","params":{":a":1}}"#, "/params/:a", "begins with its sigil"),
      (#"{"sql":"x","params":[{"$blob":"A"}]}"#, "/params/0/$blob", "not a multiple of 4"),
      (#"{"sql":"x","params":[{"$blob":1}]}"#, "/params/0/$blob", "a string of base64"),
      (#"{"sql":"x","params":[{"$blob":"","a":1}]}"#, "/params/0", "found an object"),
      (#"{"sql":"x","params":[{"$ref":"0/0/0"}]}"#, "/params/0/$ref", "no statement comes before"),
      (#"{"sql":"x","params":[],"rows":[]}"#, "/rows", #"cannot stand beside "params""#),
      (#"{"sql":"x","rows":[1]}"#, "/rows/0", "an array of arrays or objects, found 1"),
      (#"{"sql":"x","rows":{}}"#, "/rows", "an array of arrays or objects, found an empty object"),
      (#"{"sql":"x","expect":{}}"#, "/expect", "found an empty object"),
      (#"{"sql":"x","expect":{"change":1}}"#, "/expect/change", "unknown field"),
      (#"{"sql":"x","expect":{"rows":-1}}"#, "/expect/rows", "an integer of at least 0, found -1"),
      (#"{"sql":"x","expect":{"value":{"$ref":"0/0/0"}}}"#, "/expect/value", "found a \"$ref\""),
      (#"{"sql":"x","statements":[]}"#, "/statements", #"cannot stand beside "sql""#),
      (#"{"statements":[]}"#, "/statements", "found an empty array"),
      (#"{"statements":[{"params":[]}]}"#, "/statements/0", #"has no "sql""#),
      (#"{"statements":["SELECT 1"]}"#, "/statements/0", "each with"),
      (#"{"statements":[{"sql":"x"}],"expect":{"rows":1}}"#, "/expect", "beside \"statements\""),
      (#"{"statements":[{"sql":"x","id":"a"}]}"#, "/statements/0/id", "in a statement"),
      (#"{"params":[1]}"#, "/params", #"has no "sql" beside it"#),
      ("{}", "", #"exactly one of "sql", "statements""#),
      ("[]", "", "expected a JSON object as a job, found an empty array"),
      (#"{"sql":"x","id":""}"#, "/id", "a string of 1 to 200 bytes, found \"\""),
      (#"{"sql":"x","id":7}"#, "/id", "found 7"),
      (#"{"sql":"x","priority":"hihg"}"#, "/priority", "one of \"urgent\", \"high\""),
      (#"{"sql":"x","database":null}"#, "/database", "found null"),
      (#"{"sql":"x","transaction":"IMMEDIATE"}"#, "/transaction", "found \"IMMEDIATE\""),
      (#"{"sql":"x","timeout":0}"#, "/timeout", "greater than 0, found 0"),
      (#"{"sql":"x","timeout":9e999}"#, "/timeout", "found 9e999"),
      (#"{"sql":"x","retries":1.0}"#, "/retries", "found 1.0"),
      (#"{"sql":"x","retries":-1}"#, "/retries", "at least 0"),
      (
        #"{"sql":"x","result":{"format":"xml"}}"#, "/result/format",
        #"must be one of "json", "jsonl", "csv""#
      ),
      (#"{"sql":"x","result":{"max_row":1}}"#, "/result/max_row", "in \"result\""),
      (#"{"sql":"x","result":{"objects":1}}"#, "/result/objects", "true or false, found 1"),
      (#"{"sql":"x","a/b":1}"#, "/a~1b", #"unknown field "a/b" in a job"#),
      (#"{"sql":"x","params":[1],"params":[2]}"#, "/params", #"the field "params" is repeated"#),
      (#"{"sql":"x","params":[9223372036854775808]}"#, "/params/0", "of at most 64 bits"),
    ])
  func wrongField(source: String, pointer: String, message: String) throws {
    let error = try failure(source).error
    #expect(error.kind == .request)
    #expect(error.code == SluiceCode.badJob)
    #expect(error.pointer == pointer, "\(error.message)")
    #expect(error.message.contains(message), "\(error.message)")
    #expect(error.hint?.isEmpty == false)
    #expect(!error.retryable)
  }

  @Test(
    "an unknown field suggests the one that was meant",
    arguments: [
      ("parms", "params"), ("SQL", "sql"), ("tiemout", "timeout"), ("prio", "priority"),
      ("retry", "retries"), ("dabatase", "database"), ("colour", nil),
    ] as [(String, String?)])
  func suggestions(written: String, meant: String?) throws {
    let hint = try #require(try failure(#"{"\#(written)":1}"#).error.hint)
    if let meant {
      #expect(hint == "did you mean \"\(meant)\"?")
    } else {
      #expect(hint.hasPrefix("known there: id, meta, database"))
    }
  }

  @Test(
    "a field whose machinery is missing is unknown until it is switched on",
    arguments: [
      (#""sql":"x","expires":5"#, JobFeature.expires), (#""sql":"x","not_before":5"#, .notBefore),
      (#""sql":"x","after":["a"]"#, .after), (#""sql":"x","cache":false"#, .cache),
      (#""import":{"file":"a.csv","table":"t"}"#, .importFile), (#""control":"reload""#, .control),
      (#""sql":"x","result":{"format":"jsonl"}"#, .jsonlResult),
      (#""sql":"x","result":{"format":"csv"}"#, .csvResult),
    ])
  func features(fields: String, feature: JobFeature) throws {
    let error = try failure("{\(fields)}", JobDecoder(supporting: [])).error
    #expect(error.code == SluiceCode.badJob)
    #expect(throws: Never.self) { try decode("{\(fields)}", JobDecoder(supporting: [feature])) }
  }

  @Test("a syntax error has line and column, and says them")
  func syntax() throws {
    let error = try failure("{\n \"sql\": \"é\" \"x\"}").error
    #expect(error.code == SluiceCode.badJSON)
    #expect(error.line == 2)
    #expect(error.column == 13)
    #expect(error.message.contains("line 2, column 13: expected ',' or '}'"))
    #expect(try failure("").error.code == SluiceCode.badJSON)
  }

  @Test("what is beyond a limit is too large, and what is just within is taken")
  func limits() throws {
    var limits = JobLimits()
    limits.jobBytes = 400
    limits.sqlBytes = 20
    limits.metaBytes = 8
    limits.depth = 4
    let decoder = JobDecoder(limits: limits)
    let name = String(repeating: "x", count: 13)
    for source in [
      #"{"sql":"SELECT \#(name)"}"#, #"{"sql":"SELECT \#(name); SELECT   x  -- "}"#,
      #"{"sql":"x","meta":[1,2,3]}"#, #"{"sql":"x","params":[{"$blob":""}]}"#,
    ] {
      #expect(throws: Never.self, "\(source)") { try decode(source, decoder) }
    }
    for (source, pointer) in [
      (#"{"sql":"SELECT \#(name)x"}"#, "/sql"), (#"{"sql":"x","meta":[1,222,3]}"#, "/meta"),
      (#"{"sql":"x; SELECT \#(name)x;y"}"#, "/sql"), (#"{"meta":[[[[]]]]}"#, "/meta/0/0/0"),
      ("{\"sql\":\"x\"\(String(repeating: " ", count: 400))}", nil),
    ] {
      let error = try failure(source, decoder).error
      #expect(error.code == SluiceCode.tooLarge, "\(source)")
      #expect(error.pointer == pointer)
      #expect(error.hint != nil)
    }
    #expect(try decode(#"{"sql":"x","id":"\#(String(repeating: "é", count: 100))"}"#).id != nil)
    let long = try failure(#"{"sql":"x","id":"\#(String(repeating: "é", count: 101))"}"#)
    #expect(long.error.message.contains("(it has 202)"))
  }

  @Test("a reference reaches back only as far as statements are known to be")
  func references() throws {
    func job(_ sql: String, _ reference: String) -> String {
      #"{"statements":[{"sql":"\#(sql)"},{"sql":"y","params":[{"$ref":"\#(reference)"}]}]}"#
    }
    #expect(throws: Never.self) { try decode(job("x", "0/0/0")) }
    #expect(try failure(job("x", "1/0/0")).error.pointer == "/statements/1/params/0/$ref")
    #expect(throws: Never.self, "there may be two") { try decode(job("x;y", "1/0/0")) }
    #expect(throws: DecodeFailure.self) { try decode(job("x;", "1/0/0")) }
    let tooLong = "0/0/99999999999999999999"
    for malformed in ["0/0", "0/0/0/0", "-1/0/0", "+0/0/0", "a/0/0", "", tooLong] {
      #expect(throws: DecodeFailure.self, "\(malformed)") { try decode(job("x", malformed)) }
    }
  }

  @Test("a rejected job still gives back its id and meta where they can be read")
  func recovery() throws {
    for wrong in [#""parms":1"#, #""sql":"a","sql":"b""#, #""params":[9223372036854775808]"#] {
      let failure = try failure(#"{"id":"a","meta":[1, 2],\#(wrong)}"#)
      #expect(failure.id == "a")
      #expect(text(failure.meta) == "[1, 2]")
    }
    let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
    #expect(try failure(#"{"id":"a","params":\#(deep)}"#).id == "a")
    let unusable = try failure(#"{"id":7,"meta":"\#(String(repeating: "x", count: 5000))"}"#)
    #expect(unusable.id == nil)
    #expect(unusable.meta == nil)
    #expect(try failure(#"{"id":"a""#).id == nil)
  }
}

/// The job in `source`.
func decode(_ source: String, _ decoder: JobDecoder = JobDecoder()) throws -> Job {
  try decoder.decode(Array(source.utf8)).job
}

/// Why `source` is rejected.
func failure(
  _ source: String, _ decoder: JobDecoder = JobDecoder()
) throws -> DecodeFailure {
  try #require(throws: DecodeFailure.self) { try decoder.decode(Array(source.utf8)) }
}

func text(_ bytes: [UInt8]?) -> String? {
  bytes.map { String(decoding: $0, as: UTF8.self) }
}
