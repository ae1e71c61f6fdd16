import Spool
import Testing

@testable import Spool

@Suite("The end of a statement") struct StatementBoundaryTests {
  /// Scans a text that comes in pieces of `piece` bytes.
  private func statements(_ text: String, piece: Int) -> [String] {
    let bytes = Array(text.utf8)
    var start = 0
    var visible = min(piece, bytes.count)
    var boundary = StatementBoundary()
    var found: [String] = []
    while true {
      let isEnd = visible == bytes.count
      let result = bytes[start..<visible].withUnsafeBufferPointer {
        boundary.scan($0, isEnd: isEnd)
      }
      switch result {
      case .end(let length):
        if let first = boundary.first {
          found.append(
            String(decoding: bytes[(start + first)..<(start + length)], as: UTF8.self))
        }
        start += length
        boundary.reset()
      case .more where isEnd:
        if let first = boundary.first {
          found.append(String(decoding: bytes[(start + first)...], as: UTF8.self))
        }
        return found
      case .more: visible = min(visible + piece, bytes.count)
      case .dotCommand: return found + ["."]
      }
    }
  }

  private static let trigger =
    "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; END;"

  static let cases: [(String, [String])] = [
    ("a;b;", ["a;", "b;"]),
    ("a; b", ["a;", "b"]),
    (";; ;a;", ["a;"]),
    ("  -- x; y\n/* ; */ a ;", ["a ;"]),
    ("a 'x;''y;' ;b", ["a 'x;''y;' ;", "b"]),
    ("a \"x;\" `y;` [z;] ;b", ["a \"x;\" `y;` [z;] ;", "b"]),
    ("a -- it's\n;b", ["a -- it's\n;", "b"]),
    ("a /* ' */;b/**/;", ["a /* ' */;", "b/**/;"]),
    ("a /*/ ; */;b", ["a /*/ ; */;", "b"]),
    ("a - b / c;d", ["a - b / c;", "d"]),
    (trigger + "b;", [trigger, "b;"]),
    ("EXPLAIN " + trigger + "b;", ["EXPLAIN " + trigger, "b;"]),
    ("create trigger x begin a; end ; b;", ["create trigger x begin a; end ;", "b;"]),
    ("CREATE TABLE trigger_x(a); b;", ["CREATE TABLE trigger_x(a);", "b;"]),
    ("CREATE TABLE t(trigger); b;", ["CREATE TABLE t(trigger);", "b;"]),
    ("a 'never closed; b;", ["a 'never closed; b;"]),
    ("\u{feff}a;", ["a;"]),
    ("a;\n.read x\n", ["a;", "."]),
    ("a\n.5;", ["a\n.5;"]),
    ("", []),
    (" -- nothing", []),
  ]

  @Test("is where the sqlite3 shell sees it, in whatever pieces the text comes", arguments: cases)
  func ends(text: String, expected: [String]) {
    for piece in [1, 2, 3, 7, 1000] {
      #expect(statements(text, piece: piece) == expected, "in pieces of \(piece)")
    }
  }
}

@Suite("A line that was not done") struct BatchLineTextTests {
  @Test("is left over as it stood, or with the SQL that it had from a line before it")
  func putsBack() {
    var force: String? = "A"
    func written(_ line: String, _ origin: BatchHeader.SQLOrigin, _ sql: String?) -> String {
      let text = BatchLineText(line: Array(line.utf8), origin: origin, sql: sql)
      return String(decoding: text.written(after: &force), as: UTF8.self)
    }
    #expect(written("[1]", .inherited, "A") == "[1]\n")
    #expect(written(" [2]", .inherited, "B \"q\"") == #"{"sql":"B \"q\"","params":[2]}"# + "\n")
    #expect(force == "B \"q\"")
    #expect(written("[3]", .inherited, "B \"q\"") == "[3]\n")
    #expect(written(#"{"sql":"C"}"#, .own, "C") == #"{"sql":"C"}"# + "\n")
    #expect(written(#"{"id":"i"}"#, .inherited, "A") == #"{"sql":"A","id":"i"}"# + "\n")
    #expect(written("{ }", .inherited, "C") == #"{"sql":"C" }"# + "\n")
    #expect(written(#"{"statements":[]}"#, .none, "C") == #"{"statements":[]}"# + "\n")
    #expect(written("{broken sql", .own, nil) == "{broken sql\n")
    #expect(force == nil)
  }
}
