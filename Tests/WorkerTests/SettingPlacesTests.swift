import Testing

@testable import SluiceWorker

@Suite struct SettingPlacesTests {
  private func line(_ steps: SettingPlaces.Step..., in text: String) -> Int? {
    SettingPlaces(text).places[steps]?.line
  }

  @Test("bare, dotted and quoted keys are found, in tables and out of them")
  func keys() {
    let text = """
      a = 1 # b = 2
      "c d" . 'e.f' = 3
      [g."h\\u0069"]
      j = 4
      [ k ]  # [l]
      m.n = 5
      """
    #expect(line(.key("a"), in: text) == 1)
    #expect(line(.key("b"), in: text) == nil)
    #expect(line(.key("c d"), .key("e.f"), in: text) == 2)
    #expect(line(.key("g"), .key("hi"), .key("j"), in: text) == 4)
    #expect(line(.key("k"), .key("m"), .key("n"), in: text) == 6)
    #expect(line(.key("l"), in: text) == nil)
  }

  @Test("what looks like a key within a string, an array or a comment is none")
  func decoys() {
    let text = #"""
      a = """
      x = 1
      \""" y = 1
      """
      b = '''
      'x' = 1''''
      c = [
        "x = 1", # ]
        [1, 2],
        { d = 1, e = { f = "}" } },
      ]
      x = 2
      """#
    #expect(line(.key("x"), in: text) == 12)
    #expect(line(.key("y"), in: text) == nil)
    #expect(line(.key("b"), in: text) == 5)
    #expect(line(.key("c"), .index(1), .index(1), in: text) == 9)
    #expect(line(.key("c"), .index(2), .key("e"), .key("f"), in: text) == 10)
  }

  @Test("entries of arrays of tables are told apart, with the tables within them")
  func arraysOfTables() {
    let text = "\u{FEFF}[[a]]\r\nb = 1\r\n[[a]]\r\nb = 2\r\n[a.c]\r\nd = 3\r\n"
    #expect(line(.key("a"), .index(0), .key("b"), in: text) == 2)
    #expect(line(.key("a"), .index(1), .key("b"), in: text) == 4)
    #expect(line(.key("a"), .index(1), .key("c"), .key("d"), in: text) == 6)
  }

  @Test("any text comes to an end")
  func garbage() {
    for text in [
      "[", "[[", "= 1", "a = [", "a = {", "a = \"", "]]", "a = \"\\", "a = '''", ",}{", "a.",
      "\"\\U",
    ] {
      _ = SettingPlaces(text)
      _ = SettingPlaces(text + "\n" + text)
    }
  }

  @Test("numbers are kept as they are written")
  func literals() {
    let places = SettingPlaces("a = 0o027 # x\nb = { c = 1_0 , d = 2 }").places
    #expect(places[[.key("a")]]?.literal == "0o027")
    #expect(places[[.key("b"), .key("c")]]?.literal == "1_0")
    #expect(places[[.key("b"), .key("d")]]?.literal == "2")
  }
}
