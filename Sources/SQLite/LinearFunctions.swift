import CSQLite
import CSystem

/// `instr`, `replace` and `trim` in time that grows with the text, as SQL knows them.
///
/// SQLite's own compare each place of the text with the whole of the other one: 22 s for `instr` of
/// 1 MB and 100 KB, in one step that neither a timeout nor a cancel ends.
enum LinearFunctions {
  static func install(on handle: OpaquePointer) throws(SQLiteError) {
    typealias Function =
      @convention(c) (
        OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?
      ) -> Void
    let functions: [(StaticString, Int32, Function)] = [
      (
        "instr", 2, { context, _, values in LinearFunctions.instr(context, values?[0], values?[1]) }
      ),
      ("replace", 3, { LinearFunctions.replace($0, $2?[0], $2?[1], $2?[2]) }),
      (
        "trim", 2,
        { context, _, values in LinearFunctions.trim(context, values?[0], values?[1], .both) }
      ),
      (
        "ltrim", 2,
        { context, _, values in LinearFunctions.trim(context, values?[0], values?[1], .start) }
      ),
      (
        "rtrim", 2,
        { context, _, values in LinearFunctions.trim(context, values?[0], values?[1], .end) }
      ),
    ]
    let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS
    for (name, count, function) in functions {
      let code = name.withUTF8Buffer { name in
        name.withMemoryRebound(to: CChar.self) {
          sqlite3_create_function_v2(
            handle, $0.baseAddress, count, flags, nil, function, nil, nil, nil)
        }
      }
      try check(code, on: handle)
    }
  }

  /// The text of a value, which SQLite keeps; nil for NULL.
  private static func text(_ value: OpaquePointer?) -> UnsafeRawBufferPointer? {
    guard let start = sqlite3_value_text(value) else { return nil }
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))
  }

  private static func find(
    _ part: UnsafeRawBufferPointer, in whole: UnsafeRawBufferPointer, from start: Int
  ) -> Int? {
    guard let base = whole.baseAddress, let part = part.baseAddress.map({ ($0, part.count) }),
      let found = sluice_find(
        base + start, UInt(whole.count - start), part.0, UInt(part.1))
    else { return nil }
    return found - base
  }

  // MARK: instr

  private static func instr(
    _ context: OpaquePointer?, _ whole: OpaquePointer?, _ part: OpaquePointer?
  ) {
    let types = (sqlite3_value_type(whole), sqlite3_value_type(part))
    guard types.0 != SQLITE_NULL, types.1 != SQLITE_NULL else { return }
    if types == (SQLITE_BLOB, SQLITE_BLOB) {
      let bytes = UnsafeRawBufferPointer(
        start: sqlite3_value_blob(whole), count: Int(sqlite3_value_bytes(whole)))
      let sought = UnsafeRawBufferPointer(
        start: sqlite3_value_blob(part), count: Int(sqlite3_value_bytes(part)))
      let place = sought.isEmpty ? 0 : find(sought, in: bytes, from: 0)
      return sqlite3_result_int(context, Int32(clamping: place.map { $0 + 1 } ?? 0))
    }
    // A copy of each, since becoming text would change a blob under whoever else uses it.
    let copies = (sqlite3_value_dup(whole), sqlite3_value_dup(part))
    defer {
      sqlite3_value_free(copies.0)
      sqlite3_value_free(copies.1)
    }
    guard let text = text(copies.0), let sought = self.text(copies.1) else {
      return sqlite3_result_error_nomem(context)
    }
    sqlite3_result_int(context, Int32(clamping: character(of: sought, in: text)))
  }

  /// The character, from 1, where `part` begins in `text`; 0 where it does not.
  private static func character(
    of part: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer
  ) -> Int {
    guard let first = part.first else { return 1 }
    // What begins inside a character is nowhere but at the beginning.
    if isContinuation(first) { return text.starts(with: part) ? 1 : 0 }
    guard let place = find(part, in: text, from: 0) else { return 0 }
    guard place > 0 else { return 1 }
    return 2 + text[1..<place].reduce(0) { isContinuation($1) ? $0 : $0 + 1 }
  }

  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

  // MARK: replace

  private static func replace(
    _ context: OpaquePointer?, _ whole: OpaquePointer?, _ part: OpaquePointer?,
    _ other: OpaquePointer?
  ) {
    guard let text = text(whole), let sought = self.text(part) else { return }
    guard let first = sought.first, first != 0 else {
      return sqlite3_result_value(context, whole)
    }
    guard let replacement = self.text(other) else { return }
    var count = 0
    var place = 0
    while let found = find(sought, in: text, from: place) {
      count += 1
      place = found + sought.count
    }
    let size = text.count + count * (replacement.count - sought.count)
    guard size <= sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1) else {
      return sqlite3_result_error_toobig(context)
    }
    guard let result = sqlite3_malloc64(UInt64(size + 1)) else {
      return sqlite3_result_error_nomem(context)
    }
    let target = UnsafeMutableRawBufferPointer(start: result, count: size)
    var filled = 0
    func append(_ bytes: UnsafeRawBufferPointer) {
      UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(from: bytes)
      filled += bytes.count
    }
    place = 0
    while let found = find(sought, in: text, from: place) {
      append(UnsafeRawBufferPointer(rebasing: text[place..<found]))
      append(replacement)
      place = found + sought.count
    }
    append(UnsafeRawBufferPointer(rebasing: text[place...]))
    sqlite3_result_text64(
      context, result.assumingMemoryBound(to: CChar.self), UInt64(size), { sqlite3_free($0) },
      UInt8(SQLITE_UTF8))
  }

  // MARK: trim

  private enum Side { case both, start, end }

  private static func trim(
    _ context: OpaquePointer?, _ whole: OpaquePointer?, _ set: OpaquePointer?, _ side: Side
  ) {
    guard let text = text(whole), let set = self.text(set) else { return }
    var characters: Set<[UInt8]> = []
    var place = 0
    while place < set.count {
      let end = characterEnd(set, from: place)
      characters.insert(Array(set[place..<end]))
      place = end
    }
    var rest = 0..<text.count
    if side != .end {
      while !rest.isEmpty {
        let end = characterEnd(text, from: rest.lowerBound)
        guard characters.contains(Array(text[rest.lowerBound..<end])) else { break }
        rest = end..<rest.upperBound
      }
    }
    if side != .start {
      while !rest.isEmpty {
        var start = rest.upperBound - 1
        while start > rest.lowerBound, isContinuation(text[start]) { start -= 1 }
        guard characters.contains(Array(text[start..<rest.upperBound])) else { break }
        rest = rest.lowerBound..<start
      }
    }
    let left = UnsafeRawBufferPointer(rebasing: text[rest])
    sluice_result_text(context, left.baseAddress, UInt64(left.count))
  }

  /// Behind the character that begins at `start`.
  private static func characterEnd(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var end = start + 1
    guard text[start] >= 0xc0 else { return end }
    while end < text.count, isContinuation(text[end]) { end += 1 }
    return end
  }
}
