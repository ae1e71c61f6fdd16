import JSON
import Testing

@Suite struct JSONWriterTests {
  @Test("an object with all kinds of members reads as a person would write it")
  func members() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("job", "x.json")
    writer.field("id", nil as String?)
    writer.field("line", 3)
    writer.field("ran", 0.5)
    writer.field("cached", false)
    writer.key("rows")
    writer.beginArray()
    writer.beginArray()
    writer.integer(.min)
    writer.null()
    writer.blob([1, 2])
    writer.endArray()
    writer.beginArray()
    writer.endArray()
    writer.raw(Array(#"{"a":1}"#.utf8))
    writer.endArray()
    writer.endObject()
    #expect(
      text(writer)
        == #"{"job":"x.json","line":3,"ran":0.5,"cached":false,"#
        + #""rows":[[-9223372036854775808,null,{"$blob":"AQI="}],[],{"a":1}]}"#)
  }

  @Test("only what must be escaped is")
  func strings() {
    #expect(written { $0.string("é😀/\u{7f}") } == "\"é😀/\u{7f}\"")
    #expect(
      written { $0.string("a\"b\\c\nd\re\tf\u{0}\u{1f}") }
        == #""a\"b\\c\nd\re\tf\u0000\u001F""#)
  }

  @Test("reals are recognisable as such, and infinities as SQLite writes them")
  func reals() {
    let expected: [(Double, String)] = [
      (1, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e300, "1e+300"),
      (.leastNonzeroMagnitude, "5e-324"), (.infinity, "9e999"),
      (-.infinity, "-9e999"), (.nan, "null"),
    ]
    for (value, text) in expected { #expect(written { $0.real(value) } == text) }
  }

  @Test("the buffer may be emptied between two values, and lines begin afresh")
  func streaming() {
    var writer = JSONWriter()
    writer.beginArray()
    writer.integer(1)
    var whole = writer.bytes
    writer.bytes.removeAll(keepingCapacity: true)
    writer.integer(0)
    writer.endArray()
    writer.newline()
    writer.bool(true)
    whole += writer.bytes
    #expect(String(decoding: whole, as: UTF8.self) == "[1,0]\ntrue")
  }

  @Test("random trees are read back as they were written")
  func roundTrip() throws {
    let seed = UInt64.random(in: 0...(.max))
    var random = SplitMix(state: seed)
    for _ in 0..<500 {
      let tree = RandomTree.make(using: &random, depth: 5)
      var writer = JSONWriter()
      RandomTree.write(tree, to: &writer)
      let back = try JSONReader.parse(writer.bytes)
      #expect(RandomTree.equal(tree, back), "seed \(seed): \(text(writer))")
    }
  }

  private func text(_ writer: JSONWriter) -> String {
    String(decoding: writer.bytes, as: UTF8.self)
  }

  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    body(&writer)
    return text(writer)
  }
}

/// Trees of every shape, their comparison by what they say, and a plain way to write them.
enum RandomTree {
  static func make(using random: inout SplitMix, depth: Int) -> JSONNode {
    switch UInt8.random(in: 0...(depth > 0 ? 8 : 5), using: &random) {
    case 0: return JSONNode(.null)
    case 1: return JSONNode(.bool(.random(using: &random)))
    case 2: return JSONNode(.integer(Int64(bitPattern: random.next() >> (random.next() % 64))))
    case 3:
      let real = Double(bitPattern: random.next())
      return JSONNode(.real(real.isNaN ? 0.5 : real))
    case 4, 5: return JSONNode(.string(string(using: &random)))
    case 6:
      let count = Int.random(in: 0...6, using: &random)
      return JSONNode(.array((0..<count).map { _ in make(using: &random, depth: depth - 1) }))
    default:
      let count = Int.random(in: 0...20, using: &random)
      return JSONNode(
        .object(
          (0..<count).map { index in
            let key = "\(index):" + string(using: &random)
            return JSONMember(key: key, node: make(using: &random, depth: depth - 2))
          }))
    }
  }

  static func string(using random: inout SplitMix) -> String {
    let ranges: [ClosedRange<UInt32>] = [0...0x7f, 0x20...0x7e, 0x80...0xd7ff, 0xe000...0x10ffff]
    var text = ""
    for _ in 0..<Int.random(in: 0...20, using: &random) {
      let value = UInt32.random(in: ranges.randomElement(using: &random)!, using: &random)
      text.unicodeScalars.append(Unicode.Scalar(value)!)
    }
    return text
  }

  static func write(_ node: JSONNode, to writer: inout JSONWriter) {
    switch node.value {
    case .null: writer.null()
    case .bool(let bool): writer.bool(bool)
    case .integer(let integer): writer.integer(integer)
    case .real(let real): writer.real(real)
    case .string(let string): writer.string(string)
    case .array(let elements):
      writer.beginArray()
      for element in elements { write(element, to: &writer) }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for member in members {
        writer.key(member.key)
        write(member.node, to: &writer)
      }
      writer.endObject()
    }
  }

  static func equal(_ left: JSONNode, _ right: JSONNode) -> Bool {
    switch (left.value, right.value) {
    case (.null, .null): return true
    case (.bool(let left), .bool(let right)): return left == right
    case (.integer(let left), .integer(let right)): return left == right
    case (.real(let left), .real(let right)): return left.bitPattern == right.bitPattern
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)):
      return left.count == right.count && zip(left, right).allSatisfy(equal)
    case (.object(let left), .object(let right)):
      return left.count == right.count
        && zip(left, right).allSatisfy {
          $0.key.utf8.elementsEqual($1.key.utf8) && equal($0.node, $1.node)
        }
    default: return false
    }
  }
}

/// Steele, Lea and Flood's SplitMix64: repeatable from its seed.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
