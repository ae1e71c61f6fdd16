import JSON
import Testing

@Suite struct JSONReaderTests {
  @Test("integers are exact to 64 bits and kept apart from reals")
  func numbers() throws {
    let node = try parse(
      "[9223372036854775807,-9223372036854775808,1.0,1e2,-0,-0.0,0.1,1e999,-1e999]")
    #expect(node[0]?.integer == .max)
    #expect(node[1]?.integer == .min)
    #expect(node[2]?.integer == nil)
    #expect(node[2]?.number == 1)
    #expect(node[3]?.number == 100)
    #expect(node[4]?.integer == 0)
    #expect(node[5]?.number?.sign == .minus)
    #expect(node[6]?.number == 0.1)
    #expect(node[7]?.number == .infinity)
    #expect(node[8]?.number == -.infinity)
  }

  @Test("reals are read to the nearest one, on both paths")
  func nearestReal() throws {
    let literals = [
      "2.2250738585072011e-308", "5e-324", "1.7976931348623157e308", "9007199254740993.0",
      "123456789012345678901234567890.0", "0.3", "8.5e22", "1e23", "7.0385307e-26", "1e-400",
    ]
    for literal in literals {
      #expect(try parse(literal).number == Double(literal), "\(literal)")
    }
  }

  @Test("strings come out unescaped")
  func strings() throws {
    #expect(try parse(#""""#).string == "")
    #expect(try parse(#""\"\\\/\b\f\n\r\t""#).string == "\"\\/\u{8}\u{c}\n\r\t")
    #expect(try parse(#""x\u00e9y\ud83d\ude00z€""#).string == "xéy😀z€")
    #expect(try parse(#""a\u0000b""#).string == "a\0b")
  }

  @Test("every node knows its bytes in the source")
  func ranges() throws {
    let source = #" { "a" : [ 1 , "é" ] , "b":{"c": null}} "#
    let bytes = Array(source.utf8)
    func written(_ node: JSONNode?) -> String {
      String(decoding: bytes[node?.range ?? 0..<0], as: UTF8.self)
    }
    let node = try JSONReader.parse(bytes)
    #expect(written(node["a"]) == #"[ 1 , "é" ]"#)
    #expect(written(node["a"]?[1]) == #""é""#)
    #expect(written(node["b"]) == #"{"c": null}"#)
    let keyOffset = try #require(node.object?.last?.keyOffset)
    #expect(node.pointer(toByte: keyOffset) == "/b")
    #expect(node.pointer(toByte: node["a"]?[1]?.range.lowerBound ?? 0) == "/a/1")
    #expect(node.pointer(toByte: node.range.lowerBound) == "")
  }

  @Test("a line of a larger buffer is read with offsets of its own")
  func slice() throws {
    let bytes = Array("[1]\n{\"a\":2}\n[3".utf8)
    let node = try JSONReader.parse(bytes[4..<11])
    #expect(node["a"]?.integer == 2)
    #expect(node["a"]?.range == 5..<6)
    let error = #expect(throws: JSONError.self) { try JSONReader.parse(bytes[12...]) }
    #expect(error?.offset == 2)
    #expect(error?.line == 1)
  }

  @Test(
    "an error says what was found, what was expected and where",
    arguments: [
      ("", 1, 1, "expected a JSON value, found an empty text"),
      ("{\n  \"é\": 1,\n}", 3, 1, "expected a key in double quotes after ',', found '}'"),
      ("[\"ééé\" x", 1, 8, "expected ',' or ']' after a value of an array, found 'x'"),
      ("{\"a\":tru}", 1, 6, "expected a JSON value after ':', found 'tru'"),
      ("{\"a\" 1}", 1, 6, "expected ':' after the key \"a\", found '1'"),
      ("[1,]", 1, 4, "expected a JSON value after ',', found ']'"),
      ("{'a':1}", 1, 2, "found a single quote (strings take double quotes)"),
      ("[1] []", 1, 5, "expected nothing after the JSON value, found '['"),
      ("\n\"ab", 2, 4, "to close the string that begins at line 2, column 1, found the end"),
      ("\"a\tb\"", 1, 3, "expected \\t in a string, found the control character U+0009"),
      ("\"\\ud800\"", 1, 2, "found \\uD800, which is only one half of one"),
      ("\"\\x\"", 1, 3, "expected one of \" \\ / b f n r t u after '\\', found 'x'"),
      ("01", 1, 1, "a number may not begin with 0"),
      ("[1.]", 1, 4, "expected a digit after '.', found ']'"),
      ("{} // x", 1, 4, "found '/' (JSON has no comments)"),
      ("\u{feff}{}", 1, 1, "found a byte order mark"),
    ])
  func syntax(source: String, line: Int, column: Int, message: String) throws {
    let error = try #require(throws: JSONError.self) { try parse(source) }
    #expect(error.kind == .syntax)
    #expect(error.message.contains(message), "\(error)")
    #expect(error.line == line)
    #expect(error.column == column)
    #expect(error.pointer == nil)
  }

  @Test("bytes that are not UTF-8 are named")
  func invalidUTF8() throws {
    let error = #expect(throws: JSONError.self) {
      try JSONReader.parse(Array("\"é".utf8) + [0xe9, 0x22])
    }
    #expect(error?.message.contains("the byte 0xE9, which is not UTF-8") == true)
    #expect(error?.column == 3)
  }

  @Test("a repeated key, an oversized integer and too deep nesting are placed by a pointer")
  func pointers() throws {
    let repeated = try #require(throws: JSONError.self) {
      try parse(#"{"a/b":[0,{"x~":1,"y":2,"x~":3}]}"#)
    }
    #expect(repeated.kind == .repeatedKey)
    #expect(repeated.pointer == "/a~1b/1/x~0")
    #expect(repeated.column == 25)
    let integer = try #require(throws: JSONError.self) {
      try parse(#"{"a":[1,-9223372036854775809]}"#)
    }
    #expect(integer.kind == .integerOverflow)
    #expect(integer.pointer == "/a/1")
    let deep = try #require(throws: JSONError.self) {
      try JSONReader.parse(Array(#"{"a":[[1]]}"#.utf8), maximumDepth: 2)
    }
    #expect(deep.kind == .depth)
    #expect(deep.pointer == "/a/0")
  }

  @Test("keys are equal only by their bytes")
  func canonicalEquivalence() throws {
    let node = try parse("{\"\u{e9}\":1,\"e\u{301}\":2}")
    #expect(node["\u{e9}"]?.integer == 1)
    #expect(node["e\u{301}"]?.integer == 2)
  }

  @Test("a verbatim member may repeat keys and hold any integer; its neighbours may not")
  func verbatim() throws {
    let lax = #"{"a":1,"a":[123456789012345678901234567890]}"#
    func read(_ text: String, _ path: [String]?) throws -> JSONNode {
      try JSONReader.parse(Array(text.utf8), verbatim: path)
    }
    #expect(try read(#"{"meta":\#(lax)}"#, ["meta"])["meta"]?.range.count == lax.utf8.count)
    #expect(try read(lax, []).object?.count == 2)
    #expect(try read(#"{"s":{"meta":\#(lax)}}"#, ["s", "meta"])["s"] != nil)
    for text in [
      lax, #"{"x":{"meta":\#(lax)}}"#, #"{"x":\#(lax)}"#, #"[{"meta":\#(lax)}]"#,
      #"{"meta":1,"meta":2}"#,
    ] {
      #expect(throws: JSONError.self) { try read(text, ["meta"]) }
      #expect(throws: JSONError.self) { try read(text, nil) }
    }
  }

  @Test("deep nesting is refused without using up the stack")
  func depth() throws {
    for opening in ["[", "{\"a\":"] {
      let bytes = Array(String(repeating: opening, count: 100_000).utf8)
      for maximum in [64, .max] {
        let error = #expect(throws: JSONError.self) {
          try JSONReader.parse(bytes, maximumDepth: maximum)
        }
        #expect(error?.kind == .depth)
      }
    }
  }

  @Test("no truncation and no single changed byte of a text brings the reader down")
  func mutations() {
    let source = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é"],"b":{"c":null,"d":true}}"#.utf8)
    for index in source.indices {
      _ = try? JSONReader.parse(source[..<index])
      for byte in UInt8.min...UInt8.max {
        var changed = source
        changed[index] = byte
        _ = try? JSONReader.parse(changed)
      }
    }
  }

  private func parse(_ source: String) throws -> JSONNode {
    try JSONReader.parse(Array(source.utf8))
  }
}
