import JSON
import Testing

@Suite struct ObjectHeadTests {
  private func head(_ text: String, _ names: Set<String> = ["id", "status"]) -> [String: String] {
    ObjectHead.strings(names, in: Array(text.utf8)[...])
  }

  @Test("strings at the top are found, whatever stands in the values before them")
  func found() {
    let text =
      #"{"job":"x","meta":{"status":"no","a":["}",{}]}, "id" : "o\u0072\"d" ,"status":"done","#
    #expect(head(text) == ["id": "or\"d", "status": "done"])
    #expect(head(#"{"n":12,"t":true,"status":"failed"}"#) == ["status": "failed"])
  }

  @Test("what is cut off, is no string or is no object is not found")
  func notFound() {
    for text in [
      "", "[", "{", #"{"status""#, #"{"status":"#, #"{"status":"do"#, #"{"status":1,"id":null}"#,
      #"[{"status":"done"}]"#, #"{"a":{"status":"done"}}"#, #"{"status":"a\"#,
    ] {
      #expect(head(text) == [:], "\(text)")
    }
  }
}
