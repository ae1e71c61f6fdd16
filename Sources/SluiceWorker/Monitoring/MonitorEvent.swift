import JSON
import Sluice

/// Something worth a line in `events.jsonl`.
struct MonitorEvent: Sendable {
  enum Kind: String, Sendable {
    case workerStarted = "worker_started"
    case workerStopping = "worker_stopping"
    case workerStopped = "worker_stopped"
    case writerPaused = "writer_paused"
    case databaseSetAside = "database_set_aside"
    case writerResumed = "writer_resumed"
    case lockHeld = "lock_held"
    case lockReleased = "lock_released"
    case jobHoldsUp = "job_holds_up"
    case checkpointHeldBack = "checkpoint_held_back"
    case checkpointCaughtUp = "checkpoint_caught_up"
    case laneGrows = "lane_grows"
    case laneDrained = "lane_drained"
    case maintenanceDone = "maintenance_done"
    case maintenanceFailed = "maintenance_failed"
    case maintenanceGaveWay = "maintenance_gave_way"
    case fullScan = "full_scan"
    case statementUnusual = "statement_unusual"
  }

  var kind: Kind
  var at: Timestamp
  var database: String?
  var lane: Priority?
  /// In words for an operator.
  var text: String
  /// How long it has lasted, or took.
  var seconds: Double?
  /// How much of it there is: jobs, pages.
  var count: Int?
  /// Of the statement concerned.
  var fingerprint: StatementFingerprint?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at.rfc3339)
    writer.field("event", kind.rawValue)
    writer.field("database", database)
    writer.field("lane", lane?.name)
    writer.field("text", text)
    writer.field("seconds", seconds.map(Rounded.micro))
    writer.field("count", count)
    writer.field("id", fingerprint?.id)
    writer.field("statement", fingerprint?.text)
    writer.endObject()
    writer.newline()
  }
}
