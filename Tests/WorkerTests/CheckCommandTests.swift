import TestSupport
import Testing

@Suite("sluice check") struct CheckCommandTests {
  private func check(_ name: String, _ text: String, json: Bool = false) throws -> SluiceProcess {
    try SluiceProcess.run(
      ["check", "--name", name, "-"] + (json ? ["--json"] : []), input: text)
  }

  @Test(
    "a good file exits with 0",
    arguments: [
      ("a.json", #"{"sql":"INSERT INTO t VALUES(?)","params":[1]}"#),
      ("a.jsonl", "{\"sluice\":{\"sql\":\"INSERT INTO t VALUES(?)\"}}\n[1]\n\n[2]"),
      ("a.sql", "-- sluice: {\"priority\":\"low\"}\nSELECT 1;"), ("b.sql", "SELECT 1;"),
    ])
  func good(name: String, text: String) throws {
    let run = try check(name, text)
    #expect(run.status == 0)
    #expect(run.output == "- is good\n")
    #expect(run.errors == "")
  }

  @Test("an unknown field is named with its place and what to do")
  func unknownField() throws {
    let run = try check("a.json", #"{"sql":"SELECT 1","prams":[1]}"#)
    #expect(run.status == 65)
    #expect(run.output == "")
    #expect(run.errors.hasPrefix("sluice: -, at /prams: "))
  }

  @Test("each bad line of a .jsonl is told with its own number")
  func badLines() throws {
    let text = "{\"sql\":\"INSERT INTO t VALUES(?)\"}\n\n[1]\n{\n[2]\n[{\"a\":1}]\n"
    let run = try check("a.jsonl", text, json: true)
    #expect(run.status == 65)
    #expect(run.output.hasPrefix(#"{"file":"-","valid":false,"jobs":3,"faults":2,"errors":[{"#))
    #expect(run.output.contains(#""line":4"#))
    #expect(run.output.contains(#""line":6"#))
  }

  @Test(
    "an empty file and a header that is no JSON are bad data",
    arguments: ["a.json", "a.sql", "a.jsonl"])
  func empty(name: String) throws {
    #expect(try check(name, "").status == 65)
    #expect(try check("b.sql", "-- sluice: {oops}\nSELECT 1;").status == 65)
  }
}
