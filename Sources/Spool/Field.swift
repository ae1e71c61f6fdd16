import JSON

/// A named value of a job: typed reads whose errors say what was found and what is expected.
struct Field {
  /// As messages call it.
  var name: String
  var node: JSONNode

  init(_ name: String, _ node: JSONNode) {
    self.name = name
    self.node = node
  }

  init(_ member: JSONMember) { self.init(member.key, member.node) }

  /// The error that this value is not what the field takes.
  func expected(_ what: String, hint: String? = nil) -> JobFault {
    JobFault(
      message: "\"\(name)\" must be \(what), found \(Found.name(node))",
      hint: hint ?? "give \"\(name)\" as \(what)", offset: node.range.lowerBound)
  }

  /// The error that the field does not belong where it stands.
  func misplaced(_ why: String, hint: String) -> JobFault {
    JobFault(message: "\"\(name)\" \(why)", hint: hint, offset: node.range.lowerBound)
  }

  func string(_ what: String = "a string") throws(JobFault) -> String {
    guard let string = node.string else { throw expected(what) }
    return string
  }

  /// A string of at least one byte without NUL, which is what names in a database are.
  func identifier(_ what: String = "a name") throws(JobFault) -> String {
    let string = try string(what)
    guard !string.isEmpty, !string.utf8.contains(0) else { throw expected(what) }
    return string
  }

  func bool() throws(JobFault) -> Bool {
    guard let bool = node.bool else { throw expected("true or false") }
    return bool
  }

  func integer(atLeast minimum: Int64) throws(JobFault) -> Int64 {
    guard let integer = node.integer, integer >= minimum else {
      throw expected("an integer of at least \(minimum)")
    }
    return integer
  }

  func integer(atLeast minimum: Int64) throws(JobFault) -> Int {
    Int(try integer(atLeast: minimum) as Int64)
  }

  /// One of the words of a closed set.
  func word<Word: RawRepresentable>(of words: [Word]) throws(JobFault) -> Word
  where Word.RawValue == String {
    if let string = node.string, let word = words.first(where: { $0.rawValue == string }) {
      return word
    }
    throw expectedWord(of: words.map(\.rawValue))
  }

  func expectedWord(of words: [String]) -> JobFault {
    let list = words.map { "\"\($0)\"" }.joined(separator: ", ")
    let nearest = node.string.flatMap { Spelling.nearest(to: $0, among: words) }
    return expected(
      words.count == 1 ? list : "one of \(list)", hint: nearest.map { "did you mean \"\($0)\"?" })
  }

  func object(_ what: String = "an object") throws(JobFault) -> [JSONMember] {
    guard let members = node.object else { throw expected(what) }
    return members
  }

  func array(_ what: String) throws(JobFault) -> [JSONNode] {
    guard let elements = node.array else { throw expected(what) }
    return elements
  }

  /// An array of names, at least one.
  func names(_ what: String) throws(JobFault) -> [String] {
    let elements = try array(what)
    guard !elements.isEmpty else { throw expected(what) }
    var names: [String] = []
    for element in elements {
      let identifier = try Field(name, element).identifier(what)
      guard !names.contains(where: { $0.lowercased() == identifier.lowercased() }) else {
        throw Field(name, element).misplaced(
          "has \(Found.quoted(identifier)) twice", hint: "name each column once")
      }
      names.append(identifier)
    }
    return names
  }
}

/// How messages call what they found.
enum Found {
  private static let excerptMax = 40

  static func quoted(_ text: String) -> String {
    let excerpt = text.unicodeScalars.prefix(excerptMax)
    var quoted = "\""
    for scalar in excerpt {
      // A message is one line, whatever it quotes.
      let isControl = scalar.value < 0x20 || scalar.value == 0x7f
      quoted.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
    }
    return quoted + (excerpt.endIndex < text.unicodeScalars.endIndex ? "…\"" : "\"")
  }

  static func name(_ node: JSONNode) -> String {
    switch node.value {
    case .null: "null"
    case .bool(let bool): bool ? "true" : "false"
    case .integer(let integer): "\(integer)"
    case .real(let real): real.isFinite ? "\(real)" : (real < 0 ? "-9e999" : "9e999")
    case .string(let string): quoted(string)
    case .array(let elements): elements.isEmpty ? "an empty array" : "an array"
    case .object(let members): members.isEmpty ? "an empty object" : "an object"
    }
  }
}
