/// A system call that strace saw.
struct TraceEvent {
  var process: Int32
  var name: String
  /// The arguments as strace writes them, split at the commas between them.
  var arguments: [ArraySlice<UInt8>]
  /// What it returned; negative where it failed.
  var value: Int
  /// Its places in the trace: the line where it began, before anything had happened, and the line
  /// where its process had not gone on yet. What depends on its effect begins after `entry`; what
  /// depends on its end, after `exit`.
  var entry: Int
  var exit: Int
}

/// Reads what `strace -f -xx -v` wrote.
struct TraceReader {
  struct Malformed: Error {
    var line: Int
    var text: String
  }

  private var begun: [Int32: (text: [UInt8], entry: Int)] = [:]
  private(set) var events: [TraceEvent] = []
  /// Whether a kill met a process in the middle of a call: nobody knows whether it was done.
  private(set) var isDoubtful = false
  /// Threads, by the process or thread that made them.
  private(set) var threads: [Int32: Int32] = [:]

  init(_ text: [UInt8]) throws {
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n")) {
      try read(line, number)
      number += 1
    }
    if !begun.isEmpty { isDoubtful = true }
  }

  /// The thread group that a thread belongs to.
  func process(of thread: Int32) -> Int32 {
    var process = thread
    while let parent = threads[process] { process = parent }
    return process
  }

  private mutating func read(_ line: ArraySlice<UInt8>, _ number: Int) throws {
    func malformed() -> Malformed {
      Malformed(line: number, text: String(decoding: line.prefix(200), as: UTF8.self))
    }
    guard let space = line.firstIndex(of: UInt8(ascii: " ")),
      let process = Int32(String(decoding: line[..<space], as: UTF8.self))
    else { throw malformed() }
    let rest = line[space...].drop { $0 == UInt8(ascii: " ") }
    // Signals and ends.
    if rest.starts(with: "---".utf8) || rest.starts(with: "+++".utf8) { return }
    if rest.starts(with: "<... ".utf8) {
      guard let start = begun.removeValue(forKey: process),
        let end = rest.firstRange(of: "resumed>")
      else { throw malformed() }
      return try finish(start.text + rest[end.upperBound...], process, start.entry, number)
    }
    if rest.suffix(17).firstRange(of: " <unfinished ...>") != nil {
      begun[process] = (Array(rest.dropLast(17)), number)
      return
    }
    try finish(Array(rest), process, number, number)
  }

  private mutating func finish(
    _ text: [UInt8], _ process: Int32, _ entry: Int, _ exit: Int
  ) throws {
    guard let open = text.firstIndex(of: UInt8(ascii: "(")) else {
      throw Malformed(line: entry, text: String(decoding: text.prefix(200), as: UTF8.self))
    }
    let name = String(decoding: text[..<open], as: UTF8.self)
    let (arguments, end) = Self.split(text[(open + 1)...])
    // `) = 3`, `) = -1 ENOENT (…)`, `) = ?` of a call that its process did not survive.
    let tail = String(decoding: text[end...], as: UTF8.self)
    let word = tail.split(separator: "=", maxSplits: 1).last?.split(separator: " ").first ?? "?"
    guard let value = Int(word) else {
      isDoubtful = true
      return
    }
    if ["clone", "clone3"].contains(name), value > 0, Self.contains(text, "CLONE_THREAD") {
      threads[Int32(value)] = process
    }
    events.append(
      TraceEvent(
        process: process, name: name, arguments: arguments, value: value, entry: entry, exit: exit))
  }

  private static func contains(_ text: [UInt8], _ word: String) -> Bool {
    text[...].firstRange(of: word) != nil
  }

  /// Splits at the commas outside strings and brackets, up to the closing parenthesis.
  private static func split(
    _ text: ArraySlice<UInt8>
  ) -> (arguments: [ArraySlice<UInt8>], end: Int) {
    var arguments: [ArraySlice<UInt8>] = []
    var depth = 0
    var isQuoted = false
    var start = text.startIndex
    func trimmed(_ range: Range<Int>) -> ArraySlice<UInt8> {
      text[range].drop { $0 == UInt8(ascii: " ") }
    }
    for index in text.indices {
      let byte = text[index]
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if isQuoted { continue }
      switch byte {
      case UInt8(ascii: "("), UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")") where depth == 0:
        if index > start { arguments.append(trimmed(start..<index)) }
        return (arguments, index + 1)
      case UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ",") where depth == 0:
        arguments.append(trimmed(start..<index))
        start = index + 1
      default: continue
      }
    }
    return (arguments, text.endIndex)
  }
}

extension TraceEvent {
  /// An argument as text.
  func text(_ index: Int) -> String { String(decoding: arguments[index], as: UTF8.self) }

  /// An argument that is a number, as most descriptors are; nil for `AT_FDCWD`.
  func number(_ index: Int) -> Int? { Int(text(index)) }

  /// An argument that cannot but be a number.
  func count(_ index: Int) throws -> Int {
    guard let count = number(index) else {
      throw TraceReader.Malformed(line: entry, text: "\(name): \(text(index))")
    }
    return count
  }

  /// A string argument, which `-xx` writes as `"\x61\x62"`.
  func bytes(_ index: Int) -> [UInt8] {
    let text = arguments[index]
    guard text.first == UInt8(ascii: "\"") else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4)
    var place = text.startIndex + 3
    while place + 1 < text.endIndex, text[place - 2] == UInt8(ascii: "\\") {
      bytes.append(Self.digit(text[place]) << 4 | Self.digit(text[place + 1]))
      place += 4
    }
    return bytes
  }

  func string(_ index: Int) -> String { String(decoding: bytes(index), as: UTF8.self) }

  /// A number in a structure: `stx_ino=12`.
  func field(_ name: String) -> Int64? {
    number(after: name + "=", in: arguments.last ?? [])
  }

  /// A time in a structure, in nanoseconds: `stx_btime={tv_sec=1, tv_nsec=2}`.
  func time(_ name: String) -> Int64? {
    let text = arguments.last ?? []
    guard let found = text.firstRange(of: name + "={"),
      let seconds = number(after: "tv_sec=", in: text[found.upperBound...]),
      let nanoseconds = number(after: "tv_nsec=", in: text[found.upperBound...])
    else { return nil }
    return seconds * 1_000_000_000 + nanoseconds
  }

  private func number(after word: String, in text: ArraySlice<UInt8>) -> Int64? {
    guard let found = text.firstRange(of: word) else { return nil }
    let digits = text[found.upperBound...].prefix { (48...57).contains($0) }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  private static func digit(_ byte: UInt8) -> UInt8 { byte > 57 ? byte - 87 : byte - 48 }
}

extension ArraySlice<UInt8> {
  func firstRange(of word: String) -> Range<Int>? {
    let word = Array(word.utf8)
    guard word.count <= count else { return nil }
    for start in startIndex...(endIndex - word.count)
    where self[start] == word[0] && self[start..<start + word.count].elementsEqual(word) {
      return start..<start + word.count
    }
    return nil
  }
}
