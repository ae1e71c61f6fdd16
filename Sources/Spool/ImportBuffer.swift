import Glibc
import Sluice

/// Reads a file by physical lines through one buffer, and knows the place between two of them.
///
/// A line ends with a line feed, or with a carriage return where no line feed follows and the caller
/// takes those for ends. One thread.
struct ImportBuffer: ~Copyable {
  private static let readSize = 256 << 10

  private let file: OpenFile
  private let endsAtReturn: Bool
  private var bytes: UnsafeMutableRawBufferPointer
  private var start = 0
  private var filled = 0
  /// Of the byte at `start`.
  private(set) var offset: Int64
  /// Physical lines before `start`.
  private(set) var linesBefore: Int
  /// Where the next carriage return is; beyond `filled` where there is none.
  private var nextReturn = -1
  private var endedWithReturn = false

  init(_ file: consuming OpenFile, offset: Int64, linesBefore: Int, endsAtReturn: Bool) {
    self.file = file
    self.offset = offset
    self.linesBefore = linesBefore
    self.endsAtReturn = endsAtReturn
    bytes = .allocate(byteCount: Self.readSize, alignment: 16)
  }

  deinit { bytes.deallocate() }

  /// A part of a line; lent until the next call.
  struct Piece {
    var bytes: UnsafeRawBufferPointer
    /// Whether the line ends with it.
    var endsLine: Bool
  }

  func status() throws(FileError) -> FileStatus { try file.status() }

  /// `ContentHash` of the last bytes before the place.
  func tailHash(before offset: Int64) throws(FileError) -> UInt64 {
    let count = Int(min(offset, Int64(ImportPlace.tailBytes)))
    return try withUnsafeTemporaryAllocation(byteCount: max(1, count), alignment: 16) {
      (buffer) throws(FileError) -> UInt64 in
      var got = 0
      while got < count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[got..<count])
        let read = try file.read(into: rest, at: offset - Int64(count - got))
        if read == 0 { break }
        got += read
      }
      return ContentHash.of(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
    }
  }

  /// Skips a byte order mark at the beginning of the file.
  mutating func skipMark() throws(FileError) {
    guard offset == 0 else { return }
    while filled - start < 3, try fill() {}
    guard filled - start >= 3, bytes[start] == 0xef, bytes[start + 1] == 0xbb,
      bytes[start + 2] == 0xbf
    else { return }
    start += 3
    offset += 3
  }

  /// The next bytes of the line, up to its end if that is in the buffer; nil at the end of the file.
  mutating func piece() throws(FileError) -> Piece? {
    if start == filled, try !fill() { return nil }
    if endedWithReturn {
      // The line feed of a pair that was parted by the buffer's end.
      endedWithReturn = false
      if bytes[start] == 0x0a {
        start += 1
        offset += 1
        return try piece()
      }
    }
    let end = lineEnd()
    let count = (end ?? filled) - start
    let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    start += count
    offset += Int64(count)
    if end != nil { linesBefore += 1 }
    return Piece(bytes: piece, endsLine: end != nil)
  }

  /// A whole line with its end, at most `most` bytes; nil at the end of the file.
  /// - Returns: a piece that does not end its line where that is longer, or the file's last.
  mutating func line(most: Int) throws(FileError) -> Piece? {
    if start == filled, try !fill() { return nil }
    while lineEnd() == nil {
      guard filled - start < most, try fill() else { break }
    }
    return try piece()
  }

  /// Skips to the beginning of the next line.
  mutating func skipLine() throws(FileError) {
    while let piece = try piece() {
      if piece.endsLine { return }
      // A hole of a sparse file holds no line's end.
      if start == filled { offset = file.nextData(from: offset) }
    }
  }

  /// Goes to the first row: that behind `place`, or the one at a physical line, but never back.
  mutating func begin(at place: ImportPlace?, fromLine: Int) throws(FileError) {
    if let place { return move(to: place.offset, linesBefore: place.line) }
    while linesBefore < fromLine - 1 {
      let before = offset
      try skipLine()
      if offset == before { return }
    }
  }

  /// Goes to a place that was passed before.
  mutating func move(to offset: Int64, linesBefore: Int) {
    self.offset = offset
    self.linesBefore = linesBefore
    start = 0
    filled = 0
    nextReturn = -1
    endedWithReturn = false
  }

  /// Behind the end of the line at `start`; nil where the buffer does not hold it.
  private mutating func lineEnd() -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let feed = memchr(base + start, 0x0a, filled - start).map { $0 - base }
    guard endsAtReturn else { return feed.map { $0 + 1 } }
    if nextReturn < start {
      let found = memchr(base + start, 0x0d, filled - start)
      nextReturn = found.map { $0 - base } ?? filled
    }
    guard nextReturn < (feed ?? filled) else { return feed.map { $0 + 1 } }
    let end = nextReturn + 1
    if end < filled { return bytes[end] == 0x0a ? end + 1 : end }
    endedWithReturn = true
    return end
  }

  /// Reads on, keeping what has not been given out; false at the end of the file.
  private mutating func fill() throws(FileError) -> Bool {
    if start > 0 {
      if filled > start, let base = bytes.baseAddress {
        memmove(base, base + start, filled - start)
      }
      filled -= start
      start = 0
    }
    nextReturn = -1
    if filled == bytes.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: bytes.count * 2, alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(bytes))
      bytes.deallocate()
      bytes = larger
    }
    let room = UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
    let count = try file.read(into: room, at: offset + Int64(filled))
    filled += count
    return count > 0
  }
}
