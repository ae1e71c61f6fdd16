import Sluice
import Spool
import Testing

@Suite struct BatchLineTests {
  private let decoder = JobDecoder(supporting: Set(JobFeature.allCases))

  @Test("a header holds for every line")
  func header() throws {
    var header = try #require(
      try batchHeader(
        #" {"sluice":{"priority":"low","database":"d","meta":[1,1e0],"#
          + #""sql":"INSERT INTO t VALUES(?)"}}"#))
    #expect(header.template.priority == .low)
    #expect(text(header.template.meta) == "[1,1e0]")
    let job = try line("[7]", &header)
    #expect(job.database == "d")
    #expect(job.priority == .low)
    #expect(
      job.statements == [
        JobStatement(
          sql: "INSERT INTO t VALUES(?)", parameters: .once(.positional([.value(.integer(7))])))
      ])
  }

  @Test("a first line that is a job is no header")
  func noHeader() throws {
    for text in [#"{"sql":"SELECT 1"}"#, "[1]", "", "{", #"{"sluices":{}}"#] {
      #expect(try batchHeader(text) == nil, "\(text)")
    }
  }

  @Test(
    "a wrong header is refused with its place",
    arguments: [
      (#"{"sluice":1}"#, "/sluice"), (#"{"sluice":{"prio":1}}"#, "/sluice/prio"),
      (#"{"sluice":{"id":"a"}}"#, "/sluice/id"), (#"{"sluice":{"params":[]}}"#, "/sluice/params"),
      (#"{"sluice":{},"sql":"x"}"#, "/sql"), (#"{"sluice":{"sql":""}}"#, "/sluice/sql"),
      (#"{"sluice":{"result":{"format":"csv"}}}"#, "/sluice/result/format"),
      (#"{"sluice":{"timeout":1,"timeout":2}}"#, "/sluice/timeout"),
    ])
  func wrongHeader(source: String, pointer: String) throws {
    let failure = try #require(throws: DecodeFailure.self) { try batchHeader(source) }
    #expect(failure.error.pointer == pointer)
    #expect(failure.error.code == SluiceCode.badJob)
  }

  @Test("a bare array takes the sql of the last line that had one")
  func sqlInForce() throws {
    var header = BatchHeader()
    let early = try #require(throws: DecodeFailure.self) { try line("[1]", &header) }
    #expect(early.error.message.contains("before any \"sql\""))
    _ = try line(#"{"sql":"A","params":[1]}"#, &header)
    #expect(try line("[2]", &header).statements.first?.sql == "A")
    _ = try line(#"{"statements":[{"sql":"B"}]}"#, &header)
    #expect(try line(#"{"id":"x","params":{"a":1}}"#, &header).statements.first?.sql == "A")
    #expect(try line(#"{"sql":"C"}"#, &header).id == nil)
    #expect(try line(" [3]", &header).statements.first?.sql == "C")
  }

  @Test("values never run with sql they were not meant for")
  func sqlAfterRejectedLines() throws {
    var header = BatchHeader()
    header.sql = "A"
    func reject(_ text: String) { #expect(throws: DecodeFailure.self) { try line(text, &header) } }
    reject("[1,")
    reject(#"{"id":"x","params":[1,}"#)
    #expect(header.sql == "A")
    reject(#"{"sql":"B","parms":[1]}"#)
    #expect(header.sql == "B")
    reject(#"{"sql":"C","params":[1,}"#)
    #expect(header.sql == nil)
    reject("[1]")
  }

  @Test("a line knows only the fields of lines")
  func lineFields() throws {
    var header = BatchHeader()
    for (source, pointer) in [
      (#"{"sql":"x","priority":"low"}"#, "/priority"), (#"{"sql":"x","meta":1}"#, "/meta"),
      (#"{"control":"reload"}"#, "/control"), ("7", ""), ("{}", ""),
      (#"{"sql":"x","params":[{"$ref":"0/0/0"}]}"#, "/params/0/$ref"),
    ] {
      let failure = try #require(throws: DecodeFailure.self) { try line(source, &header) }
      if source == "{}" { #expect(header.sql == nil) }
      #expect(failure.error.pointer == pointer)
      header.sql = nil
    }
    let failure = try #require(throws: DecodeFailure.self) { try line(#"{"id":"k"}"#, &header) }
    #expect(failure.id == "k")
  }

  @Test("a script's header is a comment, and its columns count from the line's beginning")
  func scriptHeader() throws {
    let job = try #require(
      try script(#"-- sluice: {"id":"s","priority":"low","timeout":600,"meta":"m"}"# + "\r\n"))
    #expect(job.id == "s")
    #expect(job.timeout == 600)
    #expect(text(job.meta) == "\"m\"")
    for other in ["-- a comment", "SELECT 1;", "", "--", "-- sluice {}", " -- sluice: {}"] {
      #expect(try script(other) == nil, "\(other)")
    }
    let syntax = try #require(throws: DecodeFailure.self) { try script(#"-- sluice: {"id" 1}"#) }
    #expect(syntax.error.column == 18)
    #expect(syntax.error.message.contains("line 1, column 18"))
    let field = try #require(throws: DecodeFailure.self) {
      try script(#"-- sluice: {"id":"s","sql":"x"}"#)
    }
    #expect(field.error.pointer == "/sql")
    #expect(field.id == "s")
  }

  private func batchHeader(_ text: String) throws -> BatchHeader? {
    try decoder.decodeBatchHeader(Array(text.utf8)[...])
  }

  private func script(_ text: String) throws -> Job? {
    try decoder.decodeScriptHeader(Array(text.utf8)[...])
  }

  private func line(_ text: String, _ header: inout BatchHeader) throws -> Job {
    // Out of the middle of a larger buffer, as it will be.
    let buffer = Array("[0]\n\(text)\n[0]".utf8)
    return try decoder.decodeLine(buffer[4..<(buffer.count - 4)], inheriting: &header)
  }
}
