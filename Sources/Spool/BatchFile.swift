import Glibc
import JSON
import Sluice

/// A claimed `.jsonl`: knows its header, and opens it where it is to go on.
public struct BatchFile: BatchSource {
  let layout: SpoolLayout
  let name: ClaimedName
  let identity: FileIdentity
  let decoder: JobDecoder
  let header: BatchHeader
  /// With its line's end; empty without a header.
  let headerText: [UInt8]

  /// Reads the first line.
  /// - Throws: `DecodeFailure` for a header that is wrong, `StreamFailure` for a file that cannot
  ///   be read.
  public init(
    _ layout: SpoolLayout, _ claimed: ClaimedJob, _ decoder: JobDecoder
  ) throws {
    self.layout = layout
    self.decoder = decoder
    name = claimed.name
    identity = claimed.identity
    let pieces = try FilePieces(layout.active, name.text, claimed: identity)
    var end: Int?
    var searched = 0
    while end == nil, searched <= decoder.limits.jobBytes {
      searched = pieces.bytes.count
      guard try pieces.readMore() else { break }
      end = pieces.bytes.firstLineFeed(from: searched)
    }
    let line = Array(pieces.bytes.prefix(end ?? searched))
    let found = try decoder.decodeBatchHeader(line[...])
    header = found ?? BatchHeader()
    headerText = found == nil ? [] : line + [0x0a]
  }

  /// A claimed file as it is now, whatever it was when it was claimed.
  public init(_ layout: SpoolLayout, _ name: ClaimedName, _ decoder: JobDecoder) throws {
    guard let status = try layout.active.status(name.text) else {
      throw FileError(.open, path: layout.active.pathOf(name.text), errno: ENOENT)
    }
    let identity = FileIdentity(
      device: status.device, inode: status.inode, birth: status.birth, modified: status.modified,
      size: status.size, hash: 0)
    try self.init(
      layout, ClaimedJob(name: name, identity: identity, content: .streamed), decoder)
  }

  /// What holds for the whole file.
  public var template: Job { header.template }

  public func open(at place: BatchPlace?) throws(StreamFailure) -> any BatchReader {
    guard let place else {
      // The claim must outlive a power failure before the first chunk does: a file that came back
      // to incoming/ would run again from its beginning.
      do throws(FileError) {
        try layout.active.sync()
      } catch {
        throw StreamFailure(error)
      }
      return try BatchFileReader(self, at: nil)
    }
    return try BatchFileReader(self, at: place)
  }

  /// The lines behind a chunk that ended its batch early, for `failed/`; whatever became of the
  /// file since.
  public func rest(behind chunk: BatchChunk) throws(StreamFailure) -> any BatchReader {
    try BatchFileReader(self, offset: chunk.offset, line: chunk.line, sql: chunk.sql)
  }
}

/// Reads the lines of a claimed `.jsonl`.
final class BatchFileReader: BatchReader {
  private let source: BatchFile
  private let pieces: FilePieces
  private var header: BatchHeader
  private var line = 0
  /// The line that was given last, without its end.
  private var last: [UInt8] = []
  private var lastIsWhole = true

  var headerText: [UInt8] { source.headerText }
  var headerSQL: String? { source.header.sql }

  init(_ source: BatchFile, offset: Int64, line: Int, sql: String?) throws(StreamFailure) {
    self.source = source
    header = source.header
    pieces = try FilePieces(
      source.layout.active, source.name.text, claimed: source.identity, at: offset)
    if offset > 0 {
      self.line = line
      header.sql = sql
    } else if !headerText.isEmpty {
      _ = try readLine()
    }
  }

  convenience init(_ source: BatchFile, at place: BatchPlace?) throws(StreamFailure) {
    try self.init(source, offset: place?.offset ?? 0, line: place?.line ?? 0, sql: place?.sql)
    if let place {
      guard place.inode == source.identity.inode, place.size == source.identity.size,
        place.modified == source.identity.modified,
        try pieces.tail(before: place.offset) == place.tail
      else { throw .changed("the job's file was changed or replaced after it was claimed") }
    }
  }

  func place() throws(StreamFailure) -> BatchPlace {
    try pieces.check()
    return BatchPlace(
      offset: pieces.offset, line: line, sql: header.sql, inode: source.identity.inode,
      size: source.identity.size, modified: source.identity.modified,
      tail: try pieces.tail(before: pieces.offset))
  }

  func next() throws(StreamFailure) -> BatchLine? {
    while try readLine() {
      guard last.contains(where: { !Self.isSpace($0) }) else { continue }
      guard lastIsWhole else { return tooLong() }
      do throws(DecodeFailure) {
        let job = try source.decoder.decodeLine(last[...], number: line, inheriting: &header)
        let hash = job.id == nil ? 0 : hash(job.database)
        return BatchLine(number: line, content: .success(job), hash: hash)
      } catch {
        return BatchLine(
          number: line, content: .failure(BatchLineFault(error: error.error, id: error.id)), hash: 0
        )
      }
    }
    return nil
  }

  private func tooLong() -> BatchLine {
    header.origin = .own
    header.sql = nil
    let error = JobError(
      .request, SluiceCode.tooLarge,
      "the line has more than \(source.decoder.limits.jobBytes) bytes",
      hint: "split it; it is too large to be kept in failed/")
    return BatchLine(
      number: line, content: .failure(BatchLineFault(error: error, id: nil)), hash: 0)
  }

  private func hash(_ database: String) -> UInt64 {
    var hash = ContentHash()
    hash.update(last)
    hash.update([0])
    hash.update(database.utf8)
    hash.update([0])
    if header.origin == .inherited { hash.update((header.sql ?? "").utf8) }
    return hash.value
  }

  /// Reads the next line into `last`; one beyond the limit is cut and skipped.
  /// - Returns: false at the end.
  private func readLine() throws(StreamFailure) -> Bool {
    last.removeAll(keepingCapacity: true)
    lastIsWhole = true
    var searched = 0
    while true {
      let bytes = pieces.bytes
      if let end = bytes.firstLineFeed(from: searched) {
        take(bytes[..<end], consuming: end + 1)
        return true
      }
      searched = bytes.count
      if searched > source.decoder.limits.jobBytes {
        lastIsWhole = false
        pieces.consume(searched)
        pieces.skipHole()
        searched = 0
      }
      if try !pieces.readMore() {
        guard searched > 0 || !lastIsWhole else { return false }
        take(pieces.bytes[...], consuming: searched)
        return true
      }
    }
  }

  private func take(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, consuming count: Int) {
    last.append(contentsOf: bytes.last == 0x0d ? bytes.dropLast() : bytes)
    // What is left of a line that was cut is as good as any other byte of it.
    if !lastIsWhole, last.isEmpty { last = [UInt8(ascii: "0")] }
    pieces.consume(count)
    line += 1
  }

  func leftover(after sql: inout String?) -> [UInt8] {
    guard lastIsWhole else { return [] }
    return BatchLineText(line: last, origin: header.origin, sql: header.sql).written(after: &sql)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// The place of the next line feed.
  func firstLineFeed(from start: Int) -> Int? {
    guard let base = baseAddress, start < count else { return nil }
    guard let found = memchr(base + start, 0x0a, count - start) else { return nil }
    return UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
  }
}

/// A line of a batch as it has to be written to be dropped again.
struct BatchLineText {
  let line: [UInt8]
  let origin: BatchHeader.SQLOrigin
  /// In force behind the line where it stood.
  let sql: String?

  /// - Parameter force: the SQL in force where it is written, and then behind it.
  func written(after force: inout String?) -> [UInt8] {
    var text = line
    switch origin {
    case .none: break
    case .own: force = sql
    case .inherited where sql == force: break
    case .inherited:
      if let sql { text = withSQL(sql) }
      force = sql
    }
    text.append(0x0a)
    return text
  }

  private func withSQL(_ sql: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.string(sql)
    let body = line.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
    if body.first == UInt8(ascii: "[") {
      return Array("{\"sql\":".utf8) + writer.bytes + Array(",\"params\":".utf8) + body
        + Array("}".utf8)
    }
    guard body.first == UInt8(ascii: "{") else { return line }
    let members = body.dropFirst()
    let isEmpty = members.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "}")
    return Array("{\"sql\":".utf8) + writer.bytes + (isEmpty ? [] : [0x2c]) + members
  }
}
