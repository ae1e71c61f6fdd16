import JSON

/// The JSON of `results/NAME.json`.
public struct ResultDocument: Sendable {
  public var job: String
  public var id: String?
  /// JSON text as the producer wrote it.
  public var meta: [UInt8]?
  public var status: JobStatus
  public var database: String?
  public var priority: Priority?
  public var attempts: Int?
  public var commit: Int64?
  public var duplicateOf: String?
  /// JSON text of an array.
  public var statements: [UInt8]?
  /// JSON text of the members that tell of an import's rows.
  public var importTotals: [UInt8]?
  /// How the lines of a batch ended.
  public var lines: LineCounts?
  public var script: ScriptTotals?
  public var error: JobError?
  /// What a command did, under its own name: JSON text.
  public var details: (name: String, json: [UInt8])?
  public var arrived: Timestamp
  /// nil where nothing ran.
  public var started: Timestamp?
  public var finished: Timestamp
  /// Seconds of running, by a clock that nobody sets.
  public var ran: Double?
  public var cached = false

  public init(job: String, status: JobStatus, arrived: Timestamp, finished: Timestamp) {
    self.job = job
    self.status = status
    self.arrived = arrived
    self.finished = finished
  }

  /// What a result says of `ticket` whatever became of it.
  public init(of ticket: JobTicket, status: JobStatus, finished: Timestamp) {
    self.init(job: ticket.name, status: status, arrived: ticket.arrived, finished: finished)
    id = ticket.job.id
    meta = ticket.job.meta
    database = ticket.job.database
    priority = ticket.priority
  }

  public func rendered() -> [UInt8] {
    var buffer: [UInt8] = []
    buffer.reserveCapacity(512 + (statements?.count ?? 0) + (meta?.count ?? 0))
    var writer = JSONWriter(reusing: buffer)
    writeHead(&writer)
    if let statements {
      writer.member("\"statements\":")
      writer.bytes += statements
    }
    writeTail(&writer)
    return writer.bytes
  }

  /// Bytes at the end of a result in which its times stand, behind all that is a producer's own.
  public static let endBytes = 256

  /// When the job of a result ended, as it is written there: a later instant is a greater text.
  /// - Parameter end: its last bytes.
  public static func finished(inEnd end: ArraySlice<UInt8>) -> String? {
    text(after: "\",\"finished\":\"", in: end)
  }

  /// When it arrived, likewise.
  public static func arrived(inEnd end: ArraySlice<UInt8>) -> String? {
    text(after: "\"times\":{\"arrived\":\"", in: end)
  }

  /// What stands behind the last such key, up to the next quote.
  private static func text(after key: String, in end: ArraySlice<UInt8>) -> String? {
    let key = Array(key.utf8)
    var start = end.endIndex - key.count
    while start >= end.startIndex {
      let value = end[(start + key.count)...]
      if end[start..<start + key.count].elementsEqual(key),
        let quote = value.firstIndex(of: UInt8(ascii: "\""))
      {
        return String(decoding: value[..<quote], as: UTF8.self)
      }
      start -= 1
    }
    return nil
  }

  /// What comes before the statements, and what after them, where those are written elsewhere.
  func renderedAround() -> (head: [UInt8], tail: [UInt8]) {
    var writer = JSONWriter()
    writeHead(&writer)
    writer.member("\"statements\":")
    let head = writer.bytes
    writer.bytes.removeAll()
    writeTail(&writer)
    return (head, writer.bytes)
  }

  private func writeHead(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("\"job\":")
    writer.value(job)
    writer.field("id", id)
    if let meta {
      writer.key("meta")
      writer.raw(meta)
    }
    writer.member("\"status\":")
    writer.value(status.name)
    if let database {
      writer.member("\"database\":")
      writer.value(database)
    }
    if let priority {
      writer.member("\"priority\":")
      writer.value(priority.name)
    }
    writer.field("attempts", attempts)
    writer.field("commit", commit)
    writer.field("duplicate_of", duplicateOf)
  }

  private func writeTail(_ writer: inout JSONWriter) {
    if let lines { write(lines, &writer) }
    if let script { write(script, &writer) }
    if let details {
      writer.key(details.name)
      writer.raw(details.json)
    }
    if let importTotals { writer.raw(importTotals) }
    if let error { writer.error(error) }
    writeTimes(&writer)
    writer.member(cached ? "\"cached\":true" : "\"cached\":false")
    writer.endObject()
    writer.newline()
  }

  private func writeTimes(_ writer: inout JSONWriter) {
    writer.member("\"times\":{\"arrived\":\"")
    arrived.appendRFC3339(to: &writer.bytes)
    if let started {
      writer.append("\",\"started\":\"")
      started.appendRFC3339(to: &writer.bytes)
    }
    writer.append("\",\"finished\":\"")
    finished.appendRFC3339(to: &writer.bytes)
    writer.append("\",\"waited\":")
    Seconds.append(max(0, (started ?? finished).seconds(since: arrived)), to: &writer.bytes)
    writer.append(",\"ran\":")
    Seconds.append(ran ?? 0, to: &writer.bytes)
    writer.append("}")
  }

  private func write(_ lines: LineCounts, _ writer: inout JSONWriter) {
    writer.key("lines")
    writer.beginObject()
    writer.field("total", lines.total)
    writer.field("done", lines.done)
    writer.field("failed", lines.failed)
    writer.field("rejected", lines.rejected)
    writer.endObject()
  }

  private func write(_ script: ScriptTotals, _ writer: inout JSONWriter) {
    writer.key("script")
    writer.beginObject()
    writer.field("statements", script.statements)
    writer.field("changes", script.changes)
    writer.endObject()
    if script.skipped > 0 { writer.field("skipped", script.skipped) }
  }
}

extension JSONWriter {
  /// The member `error` of a result.
  mutating func error(_ error: JobError) {
    key("error")
    beginObject()
    field("kind", error.kind.rawValue)
    field("code", error.code)
    field("number", error.number)
    field("message", error.placedMessage)
    field("statement", error.statement)
    field("offset", error.offset)
    field("line", error.line)
    field("column", error.column)
    field("pointer", error.pointer)
    field("retryable", error.retryable)
    field("hint", error.hint)
    endObject()
  }
}

/// Members whose names are known need no look for what must be escaped: a result has a dozen, and
/// they were a third of what it cost.
extension JSONWriter {
  /// Begins a member with `text`, a quoted key with its colon; the caller appends the value to
  /// `bytes`.
  mutating func member(_ text: StaticString) { raw(text) }

  mutating func append(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// The value of a member begun with `member`.
  mutating func value(_ text: String) {
    var inner = JSONWriter(reusing: [])
    swap(&inner.bytes, &bytes)
    inner.string(text)
    swap(&inner.bytes, &bytes)
  }
}

/// Durations as results give them: decimal, to a tenth of a microsecond, which is as fine as the
/// clocks are.
enum Seconds {
  static func append(_ seconds: Double, to bytes: inout [UInt8]) {
    let units = Int64(min(max(0, seconds), 9e11) * 1e7 + 0.5)
    // 26 digits and a point hold every Int64.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digits in
      var start = 32
      var rest = units
      var place = 0
      while rest > 0 || place < 8 {
        if place == 7 {
          start -= 1
          digits[start] = UInt8(ascii: ".")
        }
        start -= 1
        digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
        place += 1
      }
      var end = 32
      while digits[end - 1] == UInt8(ascii: "0"), digits[end - 2] != UInt8(ascii: ".") { end -= 1 }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start..<end]))
    }
  }
}
