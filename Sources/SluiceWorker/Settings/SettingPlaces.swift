/// Finds the line of each key in a TOML text, which the TOML parser does not tell.
///
/// It relies on the parser having accepted the text: it only follows the structure (tables, dotted
/// and quoted keys, strings, arrays, inline tables) and checks nothing. On any other text it ends
/// all the same, with lines that mean nothing.
struct SettingPlaces {
  enum Step: Hashable {
    case key(String)
    case index(Int)
  }

  struct Place {
    /// From 1.
    var line: Int
    /// A number, word or date as it is written; empty for the rest.
    var literal = ""
  }

  private(set) var places: [[Step]: Place] = [:]
  /// Where `\u0000` stands: the parser hands strings over as C strings, which end there.
  private(set) var lineOfNUL: Int?
  /// Where a table's header has something other than its name behind the brackets, which the parser
  /// asserts away: it would end the process.
  private(set) var lineOfNamelessTable: Int?
  /// How many entries each array of tables has so far.
  private var entryCounts: [[Step]: Int] = [:]
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  init(_ text: String) {
    bytes = Array(text.utf8)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    var table: [Step] = []
    while true {
      skipBlank(acrossLines: true)
      guard let byte = current else { return }
      if byte == UInt8(ascii: "[") {
        table = header()
      } else {
        let start = position
        member(of: table)
        // What is no key would hold up everything behind it.
        if position == start { advance() }
      }
    }
  }

  // MARK: Structure

  /// `[a.b]` or `[[a.b]]`: the path of the table that begins.
  private mutating func header() -> [Step] {
    let line = line
    advance()
    let isArray = current == UInt8(ascii: "[")
    if isArray { advance() }
    while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { advance() }
    if let byte = current, !Self.beginsKey.contains(byte), lineOfNamelessTable == nil {
      lineOfNamelessTable = line
    }
    let keys = dottedKey()
    while let byte = current, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "#") {
      advance()
    }
    var path: [Step] = []
    for (index, key) in keys.enumerated() {
      path.append(.key(key))
      note(path, line: line)
      if isArray, index == keys.count - 1 {
        path.append(.index(entryCounts[path, default: 0]))
        entryCounts[Array(path.dropLast()), default: 0] += 1
        note(path, line: line)
      } else if let count = entryCounts[path] {
        path.append(.index(count - 1))
      }
    }
    return path
  }

  /// `a.b = value`
  private mutating func member(of table: [Step]) {
    let line = line
    var path = table
    for key in dottedKey() {
      path.append(.key(key))
      note(path, line: line)
    }
    skipBlank(acrossLines: false)
    guard current == UInt8(ascii: "=") else { return }
    advance()
    value(at: path)
  }

  private mutating func value(at path: [Step]) {
    skipBlank(acrossLines: false)
    switch current {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = string()
    case UInt8(ascii: "["):
      var index = 0
      list(until: UInt8(ascii: "]")) { places in
        let element = path + [.index(index)]
        places.note(element, line: places.line)
        places.value(at: element)
        index += 1
      }
    case UInt8(ascii: "{"): list(until: UInt8(ascii: "}")) { $0.member(of: path) }
    default:
      let start = position
      while let byte = current, !Self.endsWord.contains(byte) { advance() }
      let literal = String(decoding: bytes[start..<position], as: UTF8.self)
      places[path]?.literal = literal.split(separator: " ").joined(separator: " ")
    }
  }

  private mutating func list(
    until end: UInt8, element: (inout SettingPlaces) -> Void
  ) {
    advance()
    while true {
      skipBlank(acrossLines: true)
      guard let byte = current, byte != end else { break }
      let start = position
      if byte != UInt8(ascii: ",") { element(&self) }
      if position == start { advance() }
    }
    advance()
  }

  /// The first place of a path counts: `a.b` may be written in several tables.
  private mutating func note(_ path: [Step], line: Int) {
    if places[path] == nil { places[path] = Place(line: line) }
  }

  // MARK: Tokens

  private mutating func dottedKey() -> [String] {
    var keys: [String] = []
    repeat {
      if !keys.isEmpty { advance() }
      skipBlank(acrossLines: false)
      switch current {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): keys.append(string())
      default:
        let start = position
        while let byte = current, !Self.endsKey.contains(byte) { advance() }
        keys.append(String(decoding: bytes[start..<position], as: UTF8.self))
      }
      skipBlank(acrossLines: false)
    } while current == UInt8(ascii: ".")
    return keys
  }

  /// Passes a string of any of the four kinds; its content.
  private mutating func string() -> String {
    guard let quote = current else { return "" }
    let isLong = peek(1) == quote && peek(2) == quote
    let isRaw = quote == UInt8(ascii: "'")
    advance(isLong ? 3 : 1)
    var content: [UInt8] = []
    while let byte = current {
      if byte == quote {
        if !isLong { break }
        // Up to two quotes may stand before the closing three.
        if peek(1) == quote, peek(2) == quote, peek(3) != quote { break }
      }
      if byte == UInt8(ascii: "\\"), !isRaw {
        advance()
        escape(into: &content)
      } else {
        content.append(byte)
        advance()
      }
    }
    advance(isLong ? 3 : 1)
    return String(decoding: content, as: UTF8.self)
  }

  /// What follows a backslash.
  private mutating func escape(into content: inout [UInt8]) {
    guard let byte = current else { return }
    advance()
    let digits: Int
    switch byte {
    case UInt8(ascii: "b"): return content.append(0x08)
    case UInt8(ascii: "t"): return content.append(0x09)
    case UInt8(ascii: "n"): return content.append(0x0A)
    case UInt8(ascii: "f"): return content.append(0x0C)
    case UInt8(ascii: "r"): return content.append(0x0D)
    case UInt8(ascii: "u"): digits = 4
    case UInt8(ascii: "U"): digits = 8
    default: return content.append(byte)
    }
    let end = min(position + digits, bytes.count)
    let code = UInt32(String(decoding: bytes[position..<end], as: UTF8.self), radix: 16)
    advance(digits)
    if code == 0, lineOfNUL == nil { lineOfNUL = line }
    if let scalar = code.flatMap(Unicode.Scalar.init) {
      content.append(contentsOf: String(Character(scalar)).utf8)
    }
  }

  /// Spaces; with `acrossLines` also line ends and comments.
  private mutating func skipBlank(acrossLines: Bool) {
    while let byte = current {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): advance()
      case UInt8(ascii: "\n") where acrossLines: advance()
      case UInt8(ascii: "#") where acrossLines:
        while let byte = current, byte != UInt8(ascii: "\n") { advance() }
      default: return
      }
    }
  }

  private static let endsKey = Set(" \t\r\n.=]#,{}".utf8)
  /// Or `]`, of which the parser itself says what is wrong.
  private static let beginsKey = Set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-\"']".utf8)
  private static let endsWord = Set("\r\n,]}#".utf8)

  // MARK: Bytes

  private var current: UInt8? { peek(0) }

  private func peek(_ distance: Int) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where position < bytes.count {
      if bytes[position] == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
  }
}
