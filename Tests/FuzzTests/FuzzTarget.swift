import CSQLite
import Glibc
import JSON
import Sluice
import SluiceWorker
import Spool
import TestSupport

@testable import Spool

/// A reader of what strangers write, and what must hold of it for any bytes.
enum FuzzTarget: String, CaseIterable, Sendable {
  case json, job, script, csv, rows, settings

  /// Words that lead deep into the reader.
  var words: [String] {
    switch self {
    case .json:
      [
        "{\"a\":", "[", "]", "}", "\"\\ud83d\\ude00\"", "\\u0000", "1e999", "-0",
        "9223372036854775808",
      ]
    case .job:
      [
        "\"sql\":", "\"params\":", "\"rows\":[[1]]", "\"statements\":[", "\"import\":{",
        "{\"$ref\":\"0/0/0\"}",
        "{\"$blob\":\"AQI=\"}", "\"result\":{\"format\":\"csv\"}", "{\"sluice\":{", "-- sluice: {",
        "\"expect\":{",
      ]
    case .script:
      [
        "CREATE TEMP TRIGGER t ", "BEGIN", "END;", ";", "'", "\"", "[", "`", "/*", "*/", "--", "\n",
        ".x",
        "EXPLAIN ", "\u{feff}", "-- sluice: {}",
      ]
    case .csv: ["\"", ",", "\r\n", "\n", "\"\"", "\u{feff}", "\r", "\t", "\"a\nb\"", "\u{0}"]
    case .rows: ["[1,2]\n", "{\"a\":1}\n", "\r\n", "{\"$blob\":\"\"}", "\u{feff}", "[", "null"]
    case .settings:
      [
        "[databases.x]\npath = \"y\"", "[[cache]]\n", "match = \"*\"", "ttl = ",
        "[[maintenance]]\n",
        "task = \"vacuum\"", "pool_size = ", "\"\"\"", "'''", "\\u0000", "1979-05-27T07:32:00Z",
        "{ a = 1 }", "0o27",
      ]
    }
  }

  /// Reads `bytes`.
  /// - Returns: what does not hold, if something; and what kind of input it was, of which the ones
  ///   that are new are worth changing further.
  func read(_ bytes: [UInt8]) -> (fault: String?, kind: String) {
    do {
      let kind =
        switch self {
        case .json: try readJSON(bytes)
        case .job: try readJob(bytes)
        case .script: try readScript(bytes)
        case .csv: try readRows(bytes, .csv)
        case .rows: try readRows(bytes, .jsonl)
        case .settings: try readSettings(bytes)
        }
      return (nil, kind)
    } catch let fault as Fault {
      return (fault.text, "")
    } catch {
      return ("an error of no expected kind: \(error)", "")
    }
  }

  struct Fault: Error { var text: String }

  private func require(_ holds: Bool, _ text: @autoclosure () -> String) throws {
    if !holds { throw Fault(text: text()) }
  }

  /// An error's words without what differs from case to case.
  private func kind(_ message: String) -> String {
    String(message.filter { $0.isLetter }.prefix(40))
  }

  // MARK: JSON

  private func readJSON(_ bytes: [UInt8]) throws -> String {
    let node: JSONNode
    do throws(JSONError) {
      node = try JSONReader.parse(bytes)
    } catch {
      try require((0...bytes.count).contains(error.offset), "offset \(error.offset)")
      let lines = 1 + bytes[..<error.offset].count { $0 == 0x0a }
      try require(error.line == lines, "line \(error.line), not \(lines)")
      try require(error.column >= 1, "column \(error.column)")
      return kind(error.message)
    }
    try checkRanges(of: node, within: 0..<bytes.count)
    var writer = JSONWriter()
    write(node, to: &writer)
    let again = try JSONReader.parse(writer.bytes)
    try require(isSame(node, again), "read again it is different")
    return "read \(min(bytes.count / 64, 8))"
  }

  private func checkRanges(of node: JSONNode, within outer: Range<Int>) throws {
    try require(
      outer.lowerBound <= node.range.lowerBound && node.range.upperBound <= outer.upperBound,
      "\(node.range) is outside of \(outer)")
    var end = node.range.lowerBound
    for part in node.array ?? node.object?.map(\.node) ?? [] {
      try require(part.range.lowerBound > end, "\(part.range) begins before \(end)")
      try checkRanges(of: part, within: node.range)
      end = part.range.upperBound
    }
  }

  private func write(_ node: JSONNode, to writer: inout JSONWriter) {
    if let members = node.object {
      writer.beginObject()
      for member in members {
        writer.key(member.key)
        write(member.node, to: &writer)
      }
      writer.endObject()
    } else if let elements = node.array {
      writer.beginArray()
      for element in elements { write(element, to: &writer) }
      writer.endArray()
    } else if let text = node.string {
      writer.string(text)
    } else if let number = node.integer {
      writer.integer(number)
    } else if let number = node.number {
      writer.real(number)
    } else if let flag = node.bool {
      writer.bool(flag)
    } else {
      writer.null()
    }
  }

  private func isSame(_ one: JSONNode, _ other: JSONNode) -> Bool {
    if let members = one.object, let others = other.object {
      return members.count == others.count
        && zip(members, others).allSatisfy {
          $0.key.utf8.elementsEqual($1.key.utf8) && isSame($0.node, $1.node)
        }
    }
    if let elements = one.array, let others = other.array {
      return elements.count == others.count && zip(elements, others).allSatisfy { isSame($0, $1) }
    }
    if let text = one.string, let other = other.string {
      return text.utf8.elementsEqual(other.utf8)
    }
    return one.integer == other.integer && one.number == other.number && one.bool == other.bool
      && one.isNull == other.isNull
  }

  // MARK: Jobs

  private func readJob(_ bytes: [UInt8]) throws -> String {
    let decoder = JobDecoder()
    var header = BatchHeader()
    var kinds: [String] = []
    func note(_ read: () throws(DecodeFailure) -> Void) throws {
      do throws(DecodeFailure) {
        try read()
        kinds.append("read")
      } catch {
        let pointer = error.error.pointer ?? ""
        try require(pointer.isEmpty || pointer.hasPrefix("/"), "pointer \(pointer)")
        try require((error.error.line ?? 1) >= 1, "line \(error.error.line ?? 1)")
        try require(!error.error.message.isEmpty, "no message")
        kinds.append(kind(error.error.message))
      }
    }
    try note { () throws(DecodeFailure) in
      let job = try decoder.decode(bytes)
      if let range = job.fromLine { _ = bytes[range] }
    }
    try note { () throws(DecodeFailure) in
      _ = try decoder.decodeLine(bytes[...], number: 3, inheriting: &header)
    }
    try note { () throws(DecodeFailure) in _ = try decoder.decodeBatchHeader(bytes[...]) }
    try note { () throws(DecodeFailure) in _ = try decoder.decodeScriptHeader(bytes[...]) }
    return kinds.joined(separator: "|")
  }

  // MARK: Scripts

  private func readScript(_ bytes: [UInt8]) throws -> String {
    let whole = spans(bytes, piece: max(1, bytes.count))
    for piece in [1, 2, 3, 7, 64] where piece < bytes.count {
      let parts = spans(bytes, piece: piece)
      try require(parts == whole, "in pieces of \(piece): \(parts), not \(whole)")
    }
    let mark = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    // The library's own judgement, which reads up to a NUL and knows no other blanks.
    let isPlain = !bytes.contains(0) && !bytes.contains(0x0b) && !bytes.contains(0xef)
    for span in whole where isPlain && span.isEnded {
      var text = Array(bytes[max(span.range.lowerBound, mark)..<span.range.upperBound])
      text.append(0)
      let isComplete = text.withUnsafeBytes {
        sqlite3_complete($0.bindMemory(to: CChar.self).baseAddress)
      }
      try require(isComplete == 1, "\(span.range) is not complete")
    }
    _ = try? JobDecoder().checkScript(bytes)
    return "\(whole.count) \(whole.last?.isEnded ?? false) \(min(bytes.count / 32, 8))"
  }

  private struct Span: Equatable {
    var range: Range<Int>
    var first: Int?
    var isEnded: Bool
  }

  private func spans(_ bytes: [UInt8], piece: Int) -> [Span] {
    var found: [Span] = []
    var (start, visible) = (0, min(piece, bytes.count))
    var boundary = StatementBoundary()
    while true {
      let isEnd = visible == bytes.count
      let result = bytes[start..<visible].withUnsafeBufferPointer {
        boundary.scan($0, isEnd: isEnd)
      }
      switch result {
      case .end(let length):
        found.append(
          Span(
            range: start..<(start + length), first: boundary.first.map { $0 + start }, isEnded: true
          ))
        start += length
        boundary.reset()
      case .more where isEnd:
        found.append(
          Span(range: start..<bytes.count, first: boundary.first.map { $0 + start }, isEnded: false)
        )
        return found
      case .more: visible = min(visible + piece, bytes.count)
      case .dotCommand(let index):
        found.append(Span(range: (start + index)..<bytes.count, first: nil, isEnded: false))
        return found
      }
    }
  }

  // MARK: Rows

  private static let spool = try? TemporarySpool()

  private func readRows(_ bytes: [UInt8], _ format: ImportRequest.Format) throws -> String {
    guard let spool = Self.spool else { throw Fault(text: "no spool") }
    let name = "rows-\(rawValue)"
    try spool.layout.data.create(name).write(bytes)
    defer { _ = try? spool.layout.data.unlink(name) }
    var request = ImportRequest(file: name, table: "t", format: format)
    request.header = format == .csv && bytes.count % 2 == 0
    let reader: any ImportReader
    do throws(StreamFailure) {
      reader = try ImportFiles(spool.layout).open(request, at: nil)
    } catch {
      return kind("\(error)")
    }
    let lines = 1 + bytes.count { $0 == 0x0a || $0 == 0x0d }
    var (rows, last, faults) = (0, 0, 0)
    var place: ImportPlace?
    var row = ImportRow()
    while try reader.next(&row) {
      try require(row.line > last, "line \(row.line) after \(last)")
      try require(row.line <= lines, "line \(row.line) of \(lines)")
      (rows, last) = (rows + 1, row.line)
      if row.fault != nil {
        faults += 1
      } else {
        for index in 0..<row.count { _ = row.value(index) }
      }
      if rows == 2 { place = try reader.place() }
    }
    if let place {
      let second = try ImportFiles(spool.layout).open(request, at: place)
      var (rest, end) = (2, place.line)
      while try second.next(&row) { (rest, end) = (rest + 1, row.line) }
      try require(
        rest == rows && (rest == 2 || end == last),
        "from a place \(rest) rows to \(end), not \(rows) to \(last)")
    }
    return "\(min(rows, 9)) \(min(faults, 9)) \(min(bytes.count / 64, 4))"
  }

  // MARK: Settings

  private func readSettings(_ bytes: [UInt8]) throws -> String {
    guard let spool = Self.spool else { throw Fault(text: "no spool") }
    try spool.layout.data.create("settings.toml").write(bytes)
    defer { _ = try? spool.layout.data.unlink("settings.toml") }
    do throws(SettingsError) {
      _ = try Settings.load(
        options: SettingsOptions(
          configPath: spool.layout.data.path + "/settings.toml", spool: nil, database: nil,
          overrides: [:], environment: [:], currentDirectory: spool.path))
      return "read"
    } catch {
      let lines = 1 + bytes.count { $0 == 0x0a }
      try require((1...lines + 1).contains(error.line ?? 1), "line \(error.line ?? 0) of \(lines)")
      try require(!error.what.isEmpty, "no message")
      return kind(error.what)
    }
  }
}
