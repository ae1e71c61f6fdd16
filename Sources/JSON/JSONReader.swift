/// Reads one JSON text (RFC 8259, strictly) into a tree that knows where each part stood.
///
/// Stricter than the grammar in two points that a request cannot be vague about: a key may not be
/// repeated within its object, and an integer must fit into 64 bits. Any thread; no state.
public enum JSONReader {
  /// The deepest nesting that can be asked for: the stack of any thread holds it.
  public static let depthCeiling = 512

  /// Reads the text that `bytes` are, white space around it aside.
  ///
  /// - Parameters:
  ///   - maximumDepth: arrays and objects within each other; at most `depthCeiling`.
  ///   - verbatim: path of keys from the outermost object to a value that is wanted only as it was
  ///     written. Within it keys may repeat, and integers beyond 64 bits become reals. The empty
  ///     path is the whole text; nil is none of it.
  /// - Throws: the first error in the order of the text.
  public static func parse(
    _ bytes: [UInt8], maximumDepth: Int = 64, verbatim: [String]? = nil
  ) throws(JSONError) -> JSONNode {
    try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in
      try parse(buffer, maximumDepth: maximumDepth, verbatim: verbatim)
    }
  }

  /// The same for a part of a larger buffer, as one line of many: offsets, ranges and lines count
  /// from the beginning of the slice.
  public static func parse(
    _ bytes: ArraySlice<UInt8>, maximumDepth: Int = 64, verbatim: [String]? = nil
  ) throws(JSONError) -> JSONNode {
    try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in
      try parse(buffer, maximumDepth: maximumDepth, verbatim: verbatim)
    }
  }

  /// The same for memory of somebody else's, which is not kept.
  public static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = 64, verbatim: [String]? = nil
  ) throws(JSONError) -> JSONNode {
    var parser = Parser(
      bytes: bytes, maximumDepth: min(maximumDepth, depthCeiling), verbatim: verbatim)
    do throws(JSONFault) {
      return try parser.document()
    } catch {
      throw JSONError(
        kind: error.kind, message: error.message, offset: error.offset,
        pointer: error.kind == .syntax ? nil : parser.failurePointer, in: bytes)
    }
  }
}

/// An error before its place has been worked out.
struct JSONFault: Error {
  var kind: JSONError.Kind
  var message: String
  var offset: Int
}

/// Recursive descent over one buffer; used once.
struct Parser {
  enum Step {
    case index(Int)
    case key(String)
  }

  let bytes: UnsafeBufferPointer<UInt8>
  let maximumDepth: Int
  /// See `JSONReader.parse`.
  let verbatimPath: [String]
  /// How much of that path leads to here; all of it means that this is verbatim.
  var verbatimMatched: Int
  var at = 0
  private var depth = 0
  /// The way to the error, innermost step first; recorded only while it unwinds.
  private var failurePath: [Step] = []

  init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, verbatim: [String]?) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
    verbatimPath = verbatim ?? []
    // Without a path nothing may match: -1 never reaches its end.
    verbatimMatched = verbatim == nil ? -1 : 0
  }

  var isVerbatim: Bool { verbatimMatched == verbatimPath.count }

  var failurePointer: String {
    var pointer = JSONPointer()
    for step in failurePath.reversed() {
      switch step {
      case .index(let index): pointer.append(index)
      case .key(let key): pointer.append(key)
      }
    }
    return pointer.text
  }

  mutating func document() throws(JSONFault) -> JSONNode {
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
      throw fault(
        "expected a JSON value, found a byte order mark; save the text as UTF-8 without one", at: 0)
    }
    skipSpace()
    let root = try value()
    skipSpace()
    guard at == bytes.count else { throw expected("nothing after the JSON value") }
    return root
  }

  private mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case Byte.space, Byte.lineFeed, Byte.carriageReturn, Byte.tab: at += 1
      default: return
      }
    }
  }

  private mutating func value(after context: StaticString = "") throws(JSONFault) -> JSONNode {
    let start = at
    guard at < bytes.count else { throw expected("a JSON value\(context)") }
    let value: JSONValue
    switch bytes[at] {
    case Byte.quote: value = .string(try string())
    case Byte.braceOpen: value = .object(try object())
    case Byte.bracketOpen: value = .array(try array())
    case Byte.minus, Byte.zero...Byte.nine: value = try number()
    case UInt8(ascii: "t") where literal("true"): value = .bool(true)
    case UInt8(ascii: "f") where literal("false"): value = .bool(false)
    case UInt8(ascii: "n") where literal("null"): value = .null
    default: throw expected("a JSON value\(context)")
    }
    return JSONNode(value, range: start..<at)
  }

  /// Steps over that word if it stands here, whole.
  private mutating func literal(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - at >= length else { return false }
    for index in 0..<length where bytes[at + index] != word.utf8Start[index] { return false }
    if at + length < bytes.count, JSONFault.isWordByte(bytes[at + length]) { return false }
    at += length
    return true
  }

  private mutating func descend() throws(JSONFault) {
    guard depth < maximumDepth else {
      throw JSONFault(
        kind: .depth, message: "nested deeper than \(maximumDepth) levels", offset: at)
    }
    depth += 1
    at += 1
    skipSpace()
  }

  private mutating func ascend() {
    depth -= 1
    at += 1
  }

  private func stands(_ byte: UInt8) -> Bool { at < bytes.count && bytes[at] == byte }

  private mutating func array() throws(JSONFault) -> [JSONNode] {
    try descend()
    var elements: [JSONNode] = []
    if stands(Byte.bracketClose) {
      ascend()
      return elements
    }
    elements.reserveCapacity(4)
    // A path of keys does not lead through an array.
    let matched = verbatimMatched
    if !isVerbatim { verbatimMatched = -1 }
    while true {
      do throws(JSONFault) {
        elements.append(try value(after: elements.isEmpty ? " or ']' after '['" : " after ','"))
      } catch {
        failurePath.append(.index(elements.count))
        throw error
      }
      skipSpace()
      if stands(Byte.bracketClose) { break }
      guard stands(Byte.comma) else { throw expected("',' or ']' after a value of an array") }
      at += 1
      skipSpace()
    }
    verbatimMatched = matched
    ascend()
    return elements
  }

  private mutating func object() throws(JSONFault) -> [JSONMember] {
    try descend()
    var members: [JSONMember] = []
    if stands(Byte.braceClose) {
      ascend()
      return members
    }
    members.reserveCapacity(4)
    while true {
      guard stands(Byte.quote) else {
        throw expected(
          members.isEmpty
            ? "a key in double quotes or '}' after '{'" : "a key in double quotes after ','")
      }
      members.append(try member())
      skipSpace()
      if stands(Byte.braceClose) { break }
      guard stands(Byte.comma) else { throw expected("',' or '}' after a member of an object") }
      at += 1
      skipSpace()
    }
    if !isVerbatim, let index = RepeatedKey.firstIndex(in: members) {
      failurePath.append(.key(members[index].key))
      throw JSONFault(
        kind: .repeatedKey, message: "the key \(JSONFault.quoted(members[index].key)) is repeated",
        offset: members[index].keyOffset)
    }
    ascend()
    return members
  }

  private mutating func member() throws(JSONFault) -> JSONMember {
    let keyOffset = at
    let key = try string()
    skipSpace()
    guard stands(Byte.colon) else {
      throw expected("':' after the key \(JSONFault.quoted(key))")
    }
    at += 1
    skipSpace()
    let matched = verbatimMatched
    if matched >= 0 && matched < verbatimPath.count {
      verbatimMatched = verbatimPath[matched] == key ? matched + 1 : -1
    }
    do throws(JSONFault) {
      let node = try value(after: " after ':'")
      verbatimMatched = matched
      return JSONMember(key: key, keyOffset: keyOffset, node: node)
    } catch {
      failurePath.append(.key(key))
      throw error
    }
  }

  func fault(_ message: String, at offset: Int) -> JSONFault {
    JSONFault(kind: .syntax, message: message, offset: offset)
  }

  /// The error that something else stands here than it should.
  func expected(_ what: String) -> JSONFault {
    fault("expected \(what), found \(JSONFault.found(in: bytes, at: at))", at: at)
  }
}
