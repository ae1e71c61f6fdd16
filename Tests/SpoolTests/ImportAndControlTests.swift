import Sluice
import Spool
import Testing

@Suite struct ImportAndControlTests {
  private let decoder = JobDecoder(supporting: Set(JobFeature.allCases))

  @Test("an import with every field is taken over field by field")
  func everyImportField() throws {
    let job = try decode(
      #"""
      {"id":"i","import":{"file":"a/people.txt","table":"people","format":"csv","delimiter":"\t",
       "header":false,"columns":["name","age"],"create":true,"conflict":"update","key":["name"],
       "atomic":true,"from_line":7,"errors":"skip"}}
      """#, decoder)
    var expected = ImportRequest(file: "a/people.txt", table: "people", format: .csv)
    expected.delimiter = 9
    expected.header = false
    expected.columns = ["name", "age"]
    expected.create = true
    expected.conflict = .update
    expected.key = ["name"]
    expected.atomic = true
    expected.fromLine = 7
    expected.badRows = .skip
    #expect(job.body == .importFile(expected))
    #expect(job.statements.isEmpty)
  }

  @Test("an import needs little more than a file and a table")
  func importDefaults() throws {
    let job = try decode(#"{"import":{"file":"a.jsonl","table":"t"}}"#, decoder)
    #expect(job.body == .importFile(ImportRequest(file: "a.jsonl", table: "t", format: .jsonl)))
  }

  @Test(
    "the content of an import is the same with and without from_line",
    arguments: [
      #"{"import":{"file":"a.csv","table":"t","from_line":5}}"#,
      #"{"import":{"file":"a.csv" , "from_line" : 5,"table":"t"}}"#,
      #"{"import":{"from_line":5,"file":"a.csv","table":"t"}}"#,
    ])
  func fromLine(source: String) throws {
    var bytes = Array(source.utf8)
    let range = try #require(try decoder.decode(bytes).fromLine)
    bytes.removeSubrange(range)
    #expect(text(bytes) == #"{"import":{"file":"a.csv","table":"t"}}"#)
    #expect(try decoder.decode(bytes).fromLine == nil)
  }

  @Test(
    "a wrong import is refused with its place",
    arguments: [
      (#"{"file":"a.csv"}"#, "/import"), (#"{"file":"../a.csv","table":"t"}"#, "/import/file"),
      (#"{"file":"/a.csv","table":"t"}"#, "/import/file"),
      (#"{"file":"a.txt","table":"t"}"#, "/import/file"),
      (#"{"file":"a.csv","table":""}"#, "/import/table"),
      (#"{"file":"a.csv","table":"t","delimiter":";;"}"#, "/import/delimiter"),
      (#"{"file":"a.jsonl","table":"t","header":true}"#, "/import/header"),
      (#"{"file":"a.csv","table":"t","columns":[]}"#, "/import/columns"),
      (#"{"file":"a.csv","table":"t","conflict":"update"}"#, "/import/conflict"),
      (#"{"file":"a.csv","table":"t","key":["a"]}"#, "/import/key"),
      (#"{"file":"a.csv","table":"t","from_line":0}"#, "/import/from_line"),
      (#"{"file":"a.csv","table":"t","header":false,"create":true}"#, "/import"),
      (#"{"file":"a.csv","table":"t","errors":"ignore"}"#, "/import/errors"),
      (#"{"file":"a.csv","table":"t","tabel":"t"}"#, "/import/tabel"),
    ])
  func wrongImport(request: String, pointer: String) throws {
    #expect(try failure(#"{"import":\#(request)}"#, decoder).error.pointer == pointer)
  }

  @Test("fields of statements do not fit beside an import")
  func besideImport() throws {
    for field in [#""params":[]"#, #""cache":1"#, #""result":{}"#, #""transaction":"deferred""#] {
      let source = #"{"import":{"file":"a.csv","table":"t"},\#(field)}"#
      #expect(try failure(source, decoder).error.message.contains("beside \"import\""))
    }
  }

  @Test(
    "every command is understood",
    arguments: [
      (#""cancel","job":"a""#, ControlRequest.cancel(job: "a")),
      (#""retry","job":"a""#, .retry(job: "a")), (#""pause""#, .pause(.everything)),
      (#""pause","database":"d""#, .pause(.database("d"))),
      (#""resume","priority":"low""#, .resume(.priority(.low))),
      (#""checkpoint""#, .maintenance(.checkpoint, database: "main")),
      (#""optimize","database":"d""#, .maintenance(.optimize, database: "d")),
      (#""analyze""#, .maintenance(.analyze, database: "main")),
      (#""vacuum""#, .maintenance(.vacuum, database: "main")),
      (#""integrity_check""#, .maintenance(.integrityCheck, database: "main")),
      (#""backup","to":"name.db""#, .backup(database: "main", file: "name.db")),
      (#""reload""#, .reload), (#""shutdown","meta":1"#, .shutdown),
    ])
  func commands(source: String, request: ControlRequest) throws {
    let job = try decode(#"{"control":\#(source)}"#, decoder)
    #expect(job.body == .control(request))
    #expect(job.priority == nil)
  }

  @Test(
    "a wrong command is refused with its place",
    arguments: [
      (#""shutdwon""#, "/control"), (#""cancel""#, "/control"), (#""backup""#, "/control"),
      (#""backup","to":"../x""#, "/to"), (#""backup","to":".x""#, "/to"),
      (#""reload","job":"a""#, "/job"), (#""reload","timeout":1"#, "/timeout"),
      (#""pause","database":"d","priority":"low""#, "/priority"), (#""cancel","job":1"#, "/job"),
      (#""reload","sql":"x""#, "/sql"),
    ])
  func wrongCommands(source: String, pointer: String) throws {
    #expect(try failure(#"{"control":\#(source)}"#, decoder).error.pointer == pointer)
  }
}
