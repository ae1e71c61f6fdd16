import JSON
import Sluice

/// `statements.json`: the statements that took most time altogether, by fingerprint.
enum StatementsDocument {
  /// Statements of one database that are told of.
  static let most = 100

  static func bytes(_ snapshot: WorkerSnapshot) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("at", snapshot.at.rfc3339)
    writer.key("statements")
    writer.beginArray()
    for database in snapshot.databases {
      for statement in (database.engine.monitor?.statements ?? []).prefix(most) {
        write(statement, of: database, &writer)
      }
    }
    writer.endArray()
    writer.endObject()
    writer.newline()
    return writer.bytes
  }

  private static func write(
    _ statement: StatementStatistics, of database: WorkerSnapshot.Database,
    _ writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.field("database", database.engine.name)
    writer.field("id", statement.fingerprint.id)
    writer.field("statement", statement.fingerprint.text)
    writer.field("count", statement.count)
    writer.field("errors", statement.errors)
    writer.field("rows", statement.rows)
    writer.field("changes", statement.changes)
    writer.field("cache_hits", statement.cacheHits)
    writer.field("seconds", Rounded.micro(statement.seconds))
    writer.field("p50", precise(statement.latency.p50))
    writer.field("p95", precise(statement.latency.p95))
    writer.field("p99", precise(statement.latency.p99))
    writer.field("max", precise(statement.latency.maximum))
    writer.field("last", statement.lastRun.rfc3339)
    if let plan = database.plans[statement.fingerprint.hash] { writer.lines("plan", plan) }
    writer.endObject()
  }

  /// Statements may take less than a microsecond.
  private static func precise(_ seconds: Double) -> Double { (seconds * 1e7).rounded() / 1e7 }
}

extension JSONWriter {
  /// An array of strings.
  mutating func lines(_ name: String, _ lines: [String]) {
    key(name)
    beginArray()
    for line in lines { string(line) }
    endArray()
  }
}
