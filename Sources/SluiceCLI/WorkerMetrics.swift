import JSON
import Sluice
import Spool

/// What the worker last wrote about itself in `monitor/`, read without asking the worker.
struct WorkerMetrics {
  let bytes: [UInt8]
  private let root: JSONNode

  /// Nil where the worker has said nothing, or nothing that can be read.
  init?(of spool: SpoolLayout) throws {
    guard let bytes = try spool.monitor.contents("metrics.json"),
      let root = try? JSONReader.parse(bytes, verbatim: [])
    else { return nil }
    self.bytes = bytes
    self.root = root
  }

  subscript(key: String) -> JSONNode? { root[key] }

  /// When it was written.
  var heartbeat: Timestamp? {
    root["heartbeat"]?.string.flatMap { InstantText.parse($0) }
  }

  /// Seconds since then.
  func age(at now: Timestamp) -> Double? { heartbeat.map { max(0, now.seconds(since: $0)) } }

  /// Whether a worker that lives would have written a newer one.
  func isOverdue(at now: Timestamp) -> Bool {
    guard let age = age(at: now) else { return false }
    return age > 2 * (root["heartbeat_within_seconds"]?.number ?? 15) + 5
  }

  var databases: [(name: String, node: JSONNode)] {
    root.members("databases").map { ($0.key, $0.node) }
  }

  /// What may keep an urgent write waiting, in words.
  var holdUps: [String] {
    var found: [String] = []
    for (name, node) in databases {
      for holdUp in node.list("hold_ups") {
        let seconds = holdUp.number("seconds")
        let time = seconds > 0 ? ", for \(Quantity.duration(seconds))" : ""
        found.append("\(name): \(holdUp.text("text"))\(time)")
      }
    }
    return found
  }

  /// What operators paused, in words.
  var paused: [String] { root.list("paused").compactMap(\.string) }

  // MARK: Tables

  /// Jobs by lane: what waits, since when, and how long jobs took.
  var lanes: TableFormat {
    var table = TableFormat(
      columns: ["lane", "waiting", "oldest", "ended", "median", "99 %", "longest"], rows: [])
    for member in root.members("lanes") { table.rows.append(Self.row(member.key, member.node)) }
    return table
  }

  private static func row(_ name: String, _ lane: JSONNode) -> [TableFormat.Cell] {
    let none = TableFormat.Cell(number: "-")
    var row = [TableFormat.Cell(lane.flag("paused") ? name + " (paused)" : name)]
    row.append(.init(lane.count("waiting")))
    row.append(lane["oldest_seconds"] == nil ? none : lane.duration("oldest_seconds"))
    guard let duration = lane["duration"] else { return row }
    let count = duration.count("count")
    row.append(.init(count))
    for key in ["p50", "p99", "max"] { row.append(count > 0 ? duration.duration(key) : none) }
    return row
  }

  /// What runs, in all databases; nil where nothing does.
  var running: TableFormat? {
    table(["running", "database", "kind", "priority", "for"]) { name, node, rows in
      for job in node.list("running") {
        rows.append(
          [
            .init(job.text("job")), .init(name), .init(job.text("kind")),
            .init(job.text("priority")), job.duration("seconds"),
          ])
      }
    }
  }

  /// Batches that have begun, in all databases, and how far they are; nil where there are none.
  var batches: TableFormat? {
    table(["batch", "database", "read", "lines", "done", "not done"]) { name, node, rows in
      for batch in node.list("batches") {
        let share = batch.number("offset") / max(1, batch.number("size"))
        rows.append(
          [
            .init(batch.text("job")), .init(name), .init(number: Quantity.percent(share)),
            .init(batch.count("lines")), .init(batch.count("done")),
            .init(batch.count("failed") + batch.count("rejected")),
          ])
      }
    }
  }

  /// The last transactions of each database, newest first; nil where there were none.
  func commits(most: Int) -> TableFormat? {
    let columns = ["began", "database", "outcome", "commit", "jobs", "pages", "took"]
    return table(columns) { name, node, rows in
      guard let transactions = node["transactions"] else { return }
      for record in transactions.list("recent").prefix(most) {
        let commit = record["commit"] == nil ? "-" : String(record.count("commit"))
        rows.append(
          [
            .init(String(record.text("began").dropFirst(11).prefix(12))), .init(name),
            .init(record.text("outcome")), .init(number: commit), .init(record.count("jobs")),
            .init(record.count("pages")), record.duration("seconds"),
          ])
      }
    }
  }

  /// A table of all databases; nil where it would be empty.
  private func table(
    _ columns: [String], _ add: (String, JSONNode, inout [[TableFormat.Cell]]) -> Void
  ) -> TableFormat? {
    var rows: [[TableFormat.Cell]] = []
    for (name, node) in databases { add(name, node, &rows) }
    return rows.isEmpty ? nil : TableFormat(columns: columns, rows: rows)
  }

  /// One line for each database: what its writer does, and how it stands.
  var databaseLines: [String] {
    databases.map { name, node in
      var parts = ["writer \(node.text("writer"))"]
      if let pool = node["pool"] {
        parts.append("\(pool.count("lent")) of \(pool.count("size")) readers busy")
      }
      if let storage = node["storage"] {
        parts.append(Quantity.bytes(Int64(storage.count("database_bytes"))))
        parts.append("log " + Quantity.bytes(Int64(storage.count("wal_bytes"))))
        parts.append(Quantity.bytes(Int64(storage.count("disk_free_bytes"))) + " free")
      }
      if let statements = node["statements"] {
        parts.append("statements reused " + Quantity.percent(statements.number("reused_ratio")))
      }
      if let cache = node["cache"], cache["hit_ratio"] != nil {
        parts.append("cache hits " + Quantity.percent(cache.number("hit_ratio")))
      }
      return "\(name): " + parts.joined(separator: ", ")
    }
  }
}
