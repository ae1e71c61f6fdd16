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
  /// How the lines of a batch ended.
  public var lines: LineCounts?
  public var script: ScriptTotals?
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
    if let statements {
      writer.key("statements")
      writer.raw(statements)
    }
    if let lines { write(lines, &writer) }
    if let script { write(script, &writer) }
    if let error { writer.error(error) }
    writeTimes(&writer)
    writer.field("cached", cached)
    writer.endObject()
    writer.newline()
    return writer.bytes
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
    field("message", error.message)
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
