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
    (root["databases"]?.object ?? []).map { ($0.key, $0.node) }
  }

  /// What may keep an urgent write waiting, in words.
  var holdUps: [String] {
    databases.flatMap { name, node in
      (node["hold_ups"]?.array ?? []).map { holdUp in
        let seconds = holdUp["seconds"]?.number ?? 0
        let time = seconds > 0 ? ", for \(Quantity.duration(seconds))" : ""
        return "\(name): \(holdUp["text"]?.string ?? "")\(time)"
      }
    }
  }

  /// Jobs by lane: what waits, since when, and how long jobs took.
  var lanes: TableFormat {
    let rows = (root["lanes"]?.object ?? []).map { member -> [TableFormat.Cell] in
      let (lane, duration) = (member.node, member.node["duration"])
      let isEmpty = duration?["count"]?.integer ?? 0 == 0
      func time(_ node: JSONNode?) -> TableFormat.Cell {
        isEmpty ? .init(number: "-") : .init(number: Quantity.duration(node?.number ?? 0))
      }
      return [
        .init(lane["paused"]?.bool == true ? member.key + " (paused)" : member.key),
        .init(Int(lane["waiting"]?.integer ?? 0)),
        .init(number: lane["oldest_seconds"]?.number.map { Quantity.duration($0) } ?? "-"),
        .init(Int(duration?["count"]?.integer ?? 0)), time(duration?["p50"]),
        time(duration?["p99"]), time(duration?["max"]),
      ]
    }
    return TableFormat(
      columns: ["lane", "waiting", "oldest", "ended", "median", "99 %", "longest"], rows: rows)
  }

  /// What runs, in all databases.
  var running: TableFormat? {
    let rows = databases.flatMap { name, node in
      (node["running"]?.array ?? []).map { job -> [TableFormat.Cell] in
        [
          .init(job["job"]?.string ?? ""), .init(name), .init(job["kind"]?.string ?? ""),
          .init(job["priority"]?.string ?? ""),
          .init(number: Quantity.duration(job["seconds"]?.number ?? 0)),
        ]
      }
    }
    if rows.isEmpty { return nil }
    return TableFormat(columns: ["running", "database", "kind", "priority", "for"], rows: rows)
  }

  /// Batches that have begun, in all databases, and how far they are.
  var batches: TableFormat? {
    let rows = databases.flatMap { name, node in
      (node["batches"]?.array ?? []).map { batch -> [TableFormat.Cell] in
        let size = batch["size"]?.number ?? 0
        let share = size > 0 ? (batch["offset"]?.number ?? 0) / size : 0
        return [
          .init(batch["job"]?.string ?? ""), .init(name), .init(number: Quantity.percent(share)),
          .init(Int(batch["lines"]?.integer ?? 0)), .init(Int(batch["done"]?.integer ?? 0)),
          .init(Int(batch["failed"]?.integer ?? 0) + Int(batch["rejected"]?.integer ?? 0)),
        ]
      }
    }
    if rows.isEmpty { return nil }
    return TableFormat(
      columns: ["batch", "database", "read", "lines", "done", "not done"], rows: rows)
  }

  /// The last transactions of all databases, newest first.
  func commits(most: Int) -> TableFormat? {
    let records = databases.flatMap { name, node in
      (node["transactions"]?["recent"]?.array ?? []).map { (name, $0) }
    }
    let newest = records.sorted {
      ($0.1["began"]?.string ?? "") > ($1.1["began"]?.string ?? "")
    }
    if newest.isEmpty { return nil }
    let rows = newest.prefix(most).map { name, record -> [TableFormat.Cell] in
      [
        .init(String((record["began"]?.string ?? "").dropFirst(11).prefix(12))), .init(name),
        .init(record["outcome"]?.string ?? ""),
        .init(number: record["commit"]?.integer.map { String($0) } ?? "-"),
        .init(Int(record["jobs"]?.integer ?? 0)), .init(Int(record["pages"]?.integer ?? 0)),
        .init(number: Quantity.duration(record["seconds"]?.number ?? 0)),
      ]
    }
    return TableFormat(
      columns: ["began", "database", "outcome", "commit", "jobs", "pages", "took"],
      rows: Array(rows))
  }

  /// One line for each database: what its writer does, and how it stands.
  var databaseLines: [String] {
    databases.map { name, node in
      var parts = ["writer \(node["writer"]?.string ?? "?")"]
      if let pool = node["pool"] {
        let (lent, size) = (pool["lent"]?.integer ?? 0, pool["size"]?.integer ?? 0)
        parts.append("\(lent) of \(size) readers busy")
      }
      if let storage = node["storage"] {
        parts.append("\(Quantity.bytes(storage["database_bytes"]?.integer ?? 0))")
        parts.append("log \(Quantity.bytes(storage["wal_bytes"]?.integer ?? 0))")
        parts.append("\(Quantity.bytes(storage["disk_free_bytes"]?.integer ?? 0)) free")
      }
      if let ratio = node["statements"]?["reused_ratio"]?.number {
        parts.append("statements reused \(Quantity.percent(ratio))")
      }
      if let hits = node["statements"]?["cache_hits"]?.integer, hits > 0 {
        parts.append("\(hits) cache hits")
      }
      return "\(name): " + parts.joined(separator: ", ")
    }
  }
}
