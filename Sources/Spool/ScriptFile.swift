import Glibc
import Sluice

/// A claimed `.sql`: knows its header, and reads it statement by statement from `active/`.
public struct ScriptFile: ScriptSource {
  /// Bytes of a first line that can be a header.
  private static let headerBytesMax = 64 << 10

  let layout: SpoolLayout
  let name: ClaimedName
  let identity: FileIdentity
  private let statementBytesMax: Int
  /// What the header says, without statements.
  public let template: Job

  /// Reads the first line.
  /// - Throws: `DecodeFailure` for a header that is wrong, `StreamFailure` for a file that cannot
  ///   be read.
  public init(_ layout: SpoolLayout, _ claimed: ClaimedJob, _ decoder: JobDecoder) throws {
    self.layout = layout
    name = claimed.name
    identity = claimed.identity
    statementBytesMax = decoder.limits.scriptStatementBytes
    let pieces = try FilePieces(layout.active, name.text, claimed: identity)
    _ = try pieces.readMore()
    if pieces.bytes.starts(with: [0xef, 0xbb, 0xbf]) { pieces.consume(3) }
    let bytes = pieces.bytes
    let line = Array(bytes.prefix(bytes.firstLineFeed(from: 0) ?? Self.headerBytesMax))
    template = try decoder.decodeScriptHeader(line[...]) ?? Job()
  }

  /// The statements of a script that all begin like reads, so that a reader may run them; nil where
  /// one does not, or is too large.
  public func queries(_ content: [UInt8]) -> [JobStatement]? {
    if content.contains(0) { return nil }
    return content.withUnsafeBufferPointer { bytes in
      var boundary = StatementBoundary()
      var start = 0
      var line = 1
      var queries: [JobStatement] = []
      while start < bytes.count {
        let rest = UnsafeBufferPointer(rebasing: bytes[start...])
        boundary.reset()
        var length = rest.count
        switch boundary.scan(rest, isEnd: true) {
        case .end(let end): length = end
        case .more: break
        case .dotCommand: return nil
        }
        if let first = boundary.first {
          let sql = UnsafeBufferPointer(rebasing: rest[first..<length])
          guard sql.count <= statementBytesMax, Job.begins(asRead: sql),
            let text = String(validating: sql, as: UTF8.self)
          else { return nil }
          let before = UnsafeBufferPointer(rebasing: rest[..<first]).lineFeeds
          queries.append(JobStatement(sql: text, line: line + before))
        }
        line += UnsafeBufferPointer(rebasing: rest[..<length]).lineFeeds
        start += length
      }
      return queries.isEmpty ? nil : queries
    }
  }

  public func open() throws(StreamFailure) -> any ScriptReader {
    ScriptFileReader(
      try FilePieces(layout.active, name.text, claimed: identity),
      statementBytesMax: statementBytesMax)
  }

  public func contentHash() throws(StreamFailure) -> UInt64 {
    if identity.hash != 0 { return identity.hash }
    do throws(FileError) {
      return try layout.active.open(name.text).contentHash()
    } catch {
      throw StreamFailure(error)
    }
  }
}

/// Cuts a claimed `.sql` into its statements.
final class ScriptFileReader: ScriptReader {
  private let pieces: FilePieces
  private let statementBytesMax: Int
  private var boundary = StatementBoundary()
  private var hash = ContentHash()
  /// The physical line of what is not consumed yet.
  private var line = 1
  /// Bytes of the statement that was lent.
  private var lent = 0
  private(set) var contentHash: UInt64?

  init(_ pieces: FilePieces, statementBytesMax: Int) {
    self.pieces = pieces
    self.statementBytesMax = statementBytesMax
  }

  func next() throws(StreamFailure) -> ScriptStatement? {
    consume(lent)
    lent = 0
    boundary.reset()
    while true {
      switch boundary.scan(pieces.bytes, isEnd: pieces.isAtEnd) {
      case .end(let length):
        guard let first = boundary.first else {
          consume(length)
          boundary.reset()
          continue
        }
        return try lend(first, length)
      case .dotCommand(let index):
        consume(index)
        throw .unfit(.dotCommand(line: line))
      case .more:
        if let first = boundary.first, pieces.isAtEnd { return try lend(first, pieces.bytes.count) }
        if boundary.first == nil {
          // Comments and blanks are not part of the statement behind them.
          consume(boundary.scanned)
          boundary.reset()
        }
        guard pieces.bytes.count <= bytesMax() else { throw tooLong() }
        if try !pieces.readMore(), pieces.bytes.isEmpty { return try end() }
      }
    }
  }

  private func lend(_ first: Int, _ length: Int) throws(StreamFailure) -> ScriptStatement {
    consume(first)
    lent = length - first
    guard lent <= bytesMax() else { throw tooLong() }
    let text = UnsafeBufferPointer(rebasing: pieces.bytes[..<lent])
    if let base = text.baseAddress, let nul = memchr(base, 0, text.count) {
      consume(UnsafePointer(nul.assumingMemoryBound(to: UInt8.self)) - base)
      throw .unfit(.nulInScript(line: line))
    }
    return ScriptStatement(text: text, line: line)
  }

  private func end() throws(StreamFailure) -> ScriptStatement? {
    try pieces.check()
    contentHash = hash.value
    return nil
  }

  private func consume(_ count: Int) {
    if count == 0 { return }
    let bytes = UnsafeBufferPointer(rebasing: pieces.bytes[..<count])
    hash.update(bytes)
    line += bytes.lineFeeds
    pieces.consume(count)
  }

  /// A dump of a served database has what writes returned in hexadecimal, up to twice the limit of
  /// that, in statements that are skipped.
  private func bytesMax() -> Int {
    let head = UnsafeBufferPointer(rebasing: pieces.bytes.prefix(1024))
    return ReservedTarget.isReserved(head) ? 4 * statementBytesMax : statementBytesMax
  }

  private func tooLong() -> StreamFailure {
    .unfit(.statementTooLong(statementBytesMax, line: line))
  }
}

extension UnsafeBufferPointer<UInt8> {
  var lineFeeds: Int {
    var count = 0
    for byte in self where byte == 0x0a { count += 1 }
    return count
  }
}
