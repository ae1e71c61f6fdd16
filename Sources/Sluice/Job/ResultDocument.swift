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
  public var error: JobError?
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
    buffer.reserveCapacity(384 + (statements?.count ?? 0) + (meta?.count ?? 0))
    var writer = JSONWriter(reusing: buffer)
    writeHead(&writer)
    if let statements {
      writer.key("statements")
      writer.raw(statements)
    }
    writeTail(&writer)
    return writer.bytes
  }

  /// What comes before the statements, and what after them, where those are written elsewhere.
  func renderedAround() -> (head: [UInt8], tail: [UInt8]) {
    var writer = JSONWriter()
    writeHead(&writer)
    writer.key("statements")
    let head = writer.bytes
    // Leaves the comma due that the statements would have.
    writer.raw([])
    writer.bytes.removeAll()
    writeTail(&writer)
    return (head, writer.bytes)
  }

  private func writeHead(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("job", job)
    writer.field("id", id)
    if let meta {
      writer.key("meta")
      writer.raw(meta)
    }
    writer.field("status", status.name)
    writer.field("database", database)
    writer.field("priority", priority?.name)
    writer.field("attempts", attempts)
    writer.field("commit", commit)
    writer.field("duplicate_of", duplicateOf)
  }

  private func writeTail(_ writer: inout JSONWriter) {
    if let error { write(error, &writer) }
    writeTimes(&writer)
    writer.field("cached", cached)
    writer.endObject()
    writer.newline()
  }

  private func writeTimes(_ writer: inout JSONWriter) {
    writer.key("times")
    writer.beginObject()
    writer.field("arrived", arrived.rfc3339)
    writer.field("started", started?.rfc3339)
    writer.field("finished", finished.rfc3339)
    let waited = max(0, (started ?? finished).seconds(since: arrived))
    writer.field("waited", Seconds.rounded(waited))
    writer.field("ran", Seconds.rounded(ran ?? 0))
    writer.endObject()
  }

  private func write(_ error: JobError, _ writer: inout JSONWriter) {
    writer.key("error")
    writer.beginObject()
    writer.field("kind", error.kind.rawValue)
    writer.field("code", error.code)
    writer.field("number", error.number)
    writer.field("message", error.message)
    writer.field("statement", error.statement)
    writer.field("offset", error.offset)
    writer.field("line", error.line)
    writer.field("column", error.column)
    writer.field("pointer", error.pointer)
    writer.field("retryable", error.retryable)
    writer.field("hint", error.hint)
    writer.endObject()
  }
}
