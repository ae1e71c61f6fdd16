import JSON
import Sluice

/// `metrics.json`: what the worker says about itself, for `sluice status` and programs.
struct MetricsDocument {
  private let snapshot: WorkerSnapshot
  private var writer = JSONWriter()

  init(_ snapshot: WorkerSnapshot) { self.snapshot = snapshot }

  static func bytes(_ snapshot: WorkerSnapshot) -> [UInt8] {
    var document = MetricsDocument(snapshot)
    document.write()
    document.writer.newline()
    return document.writer.bytes
  }

  private mutating func object(_ key: String, _ body: (inout MetricsDocument) -> Void) {
    writer.key(key)
    writer.beginObject()
    body(&self)
    writer.endObject()
  }

  private mutating func write() {
    writer.beginObject()
    writer.field("heartbeat", snapshot.at.rfc3339)
    writer.field("heartbeat_within_seconds", snapshot.heartbeat)
    writer.field("state", snapshot.incoming.phase.rawValue)
    writer.field("pid", Int(snapshot.pid))
    writer.field("started", snapshot.started.rfc3339)
    writer.field("uptime_seconds", Rounded.micro(snapshot.uptime))
    writer.field("spool", snapshot.spool)
    writer.field("monitoring", snapshot.isMonitored)
    writer.lines("paused", snapshot.incoming.pausedWords)
    object("jobs") { $0.jobs() }
    object("lanes") { $0.lanes() }
    object("incoming") { $0.incoming() }
    object("databases") { document in
      for database in document.snapshot.databases {
        document.object(database.engine.name) { $0.database(database) }
      }
    }
    if snapshot.isMonitored {
      object("rates") { $0.rates() }
      object("resources") { $0.resources() }
    }
    writer.endObject()
  }

  private mutating func jobs() {
    for status in JobStatus.reported {
      writer.field(status.name, snapshot.outcomes.jobs[status] ?? 0)
    }
    writer.field("unfinished", snapshot.unfinished)
    writer.field("held", snapshot.incoming.held)
    writer.field("unpublished", snapshot.unpublished)
  }

  private mutating func lanes() {
    for priority in Priority.allCases {
      let lane = snapshot.lane(priority)
      let latency = snapshot.outcomes.lanes[Int(priority.rawValue)].histogram.summary
      object(priority.name) { document in
        document.lane(lane)
        document.object("duration") { $0.latency(latency) }
      }
    }
  }

  private mutating func lane(_ lane: EngineSnapshot.Lane) {
    writer.field("waiting", lane.waiting)
    writer.field("writes", lane.writes)
    writer.field("reads", lane.reads)
    writer.field("oldest_seconds", snapshot.oldestWait(lane).map(Rounded.micro))
    writer.field("paused", lane.isPaused)
  }

  private mutating func latency(_ latency: LatencySummary) {
    writer.field("count", latency.count)
    writer.field("p50", Rounded.micro(latency.p50))
    writer.field("p95", Rounded.micro(latency.p95))
    writer.field("p99", Rounded.micro(latency.p99))
    writer.field("max", Rounded.micro(latency.maximum))
  }

  private mutating func incoming() {
    for lane in snapshot.incoming.lanes {
      object(lane.lane.rawValue) { document in
        document.writer.field("backlog", lane.backlog)
        document.writer.field("resting", lane.resting)
        document.writer.field("refused", lane.refused)
      }
    }
    writer.field("directories", snapshot.incoming.directories)
  }

  private mutating func rates() {
    writer.field("seconds", Rounded.micro(snapshot.rates.seconds))
    writer.field("jobs_per_second", Rounded.tenth(snapshot.rates.jobs))
    writer.field("commits_per_second", Rounded.tenth(snapshot.rates.commits))
    writer.key("jobs_per_second_history")
    writer.beginArray()
    for rate in snapshot.history { writer.real(Rounded.tenth(rate)) }
    writer.endArray()
  }

  private mutating func resources() {
    let resources = snapshot.resources
    writer.field("resident_bytes", resources.residentBytes)
    writer.field("cpu_seconds", Rounded.micro(resources.cpuSeconds))
    writer.field("cpu_share", Rounded.micro(snapshot.rates.cpu))
    writer.field("open_files", resources.openFiles)
    writer.field("open_files_max", resources.openFilesMax)
    writer.field("threads", resources.threads)
    writer.field("spool_free_bytes", snapshot.spoolFreeBytes)
  }

  // MARK: One database

  private mutating func database(_ database: WorkerSnapshot.Database) {
    let engine = database.engine
    writer.field("path", engine.path)
    writer.field("writer", engine.activity.name)
    writer.field("paused_because", engine.writer.pausedBecause)
    writer.field("paused_since", engine.writer.pausedSince?.rfc3339)
    object("lanes") { document in
      for var lane in engine.lanes {
        lane.isPaused = lane.isPaused || document.snapshot.holds(database, lane.priority)
        document.object(lane.priority.name) { $0.lane(lane) }
      }
    }
    running(engine)
    batches(engine)
    holdUps(engine)
    writer.field("preemptions", engine.writer.preemptions)
    object("storage") { document in
      document.writer.field("database_bytes", engine.storage.databaseBytes)
      document.writer.field("wal_bytes", engine.storage.walBytes)
      document.writer.field("wal_held_back_pages", engine.writer.heldBackPages)
      document.writer.field("disk_free_bytes", engine.storage.freeBytes)
    }
    object("pool") { $0.pool(engine) }
    object("cache") { $0.cache(engine.cache) }
    guard let monitor = engine.monitor else { return }
    object("transactions") { $0.transactions(monitor.totals, database.recent) }
    object("lock") { $0.lock(monitor.totals) }
    object("statements") { $0.statements(monitor) }
  }

  private mutating func running(_ engine: EngineSnapshot) {
    writer.key("running")
    writer.beginArray()
    for job in engine.running {
      writer.beginObject()
      writer.field("job", job.name)
      writer.field("kind", job.isWrite ? "write" : "read")
      writer.field("priority", job.priority.name)
      writer.field("seconds", Rounded.micro(engine.taken.seconds(since: job.since)))
      writer.field("preemptions", job.preemptions)
      writer.endObject()
    }
    writer.endArray()
  }

  private mutating func batches(_ engine: EngineSnapshot) {
    writer.key("batches")
    writer.beginArray()
    for (_, batch) in engine.writer.batches.sorted(by: { $0.key < $1.key }) {
      writer.beginObject()
      writer.field("job", batch.name)
      writer.field("lines", batch.lines.total)
      writer.field("done", batch.lines.done)
      writer.field("failed", batch.lines.failed)
      writer.field("rejected", batch.lines.rejected)
      writer.field("offset", batch.offset)
      writer.field("size", batch.size)
      writer.endObject()
    }
    writer.endArray()
  }

  private mutating func holdUps(_ engine: EngineSnapshot) {
    writer.key("hold_ups")
    writer.beginArray()
    for holdUp in engine.holdUps {
      writer.beginObject()
      writer.field("kind", holdUp.kind.rawValue)
      writer.field("text", holdUp.text)
      writer.field("seconds", Rounded.micro(holdUp.seconds))
      writer.endObject()
    }
    writer.endArray()
  }

  private mutating func pool(_ engine: EngineSnapshot) {
    writer.field("size", engine.poolSize)
    writer.field("open", engine.pool.open)
    writer.field("lent", engine.pool.lent)
    writer.field("waiting", engine.pool.waiting)
    writer.field("oldest_seconds", Rounded.micro(engine.pool.oldestSeconds))
    writer.field("uses", engine.pool.uses)
    writer.field("opened", engine.pool.opened)
    writer.field("failed", engine.pool.failed)
    writer.field("checks", engine.pool.checks)
    writer.field("recycled", engine.pool.recycled)
    writer.field("rested", engine.pool.rested)
    writer.field("lifetime_seconds", Rounded.micro(engine.pool.lifetimeSeconds))
    writer.field("waits", engine.pool.waits)
    writer.field("wait_seconds", Rounded.micro(engine.pool.waitSeconds))
    writer.field("longest_wait_seconds", Rounded.micro(engine.pool.waitLongest))
    writer.field("timeouts", engine.pool.timeouts)
  }

  private mutating func cache(_ cache: CacheStatistics) {
    writer.field("hits", cache.hits)
    writer.field("misses", cache.misses)
    writer.field("hit_ratio", ratio(cache.hits, cache.misses))
    writer.field("entries", cache.entries)
    writer.field("bytes", cache.bytes)
    writer.field("stored", cache.stored)
    writer.field("refused", cache.refused)
    writer.field("overtaken", cache.overtaken)
    writer.field("evictions", cache.evictions)
    writer.field("expiries", cache.expiries)
    writer.field("invalidations", cache.invalidations)
    writer.field("failures", cache.failures)
    object("invalidations_by_table") { document in
      for (table, count) in cache.invalidationsByTable.sorted(by: { $0.key < $1.key }) {
        document.writer.field(table, count)
      }
    }
  }

  private mutating func transactions(_ totals: TransactionTotals, _ recent: [TransactionRecord]) {
    writer.field("committed", totals.committed)
    writer.field("undone", totals.undone)
    writer.field("unknown", totals.unknown)
    writer.field("jobs", totals.jobs)
    writer.field("pages", totals.pages)
    writer.field("seconds", Rounded.micro(totals.seconds))
    object("duration") { $0.latency(totals.latency.summary) }
    writer.key("recent")
    writer.beginArray()
    for record in recent {
      writer.beginObject()
      writer.members(of: record)
      writer.endObject()
    }
    writer.endArray()
  }

  private mutating func lock(_ totals: TransactionTotals) {
    writer.field("waits", totals.lockWaits)
    writer.field("wait_seconds", Rounded.micro(totals.lockWaitSeconds))
    writer.field("longest_seconds", Rounded.micro(totals.lockWaitLongest))
    writer.field("timeouts", totals.lockTimeouts)
  }

  private mutating func statements(_ monitor: QueryMonitor.Snapshot) {
    let totals = StatementSums(monitor.statements)
    writer.field("fingerprints", monitor.statements.count)
    writer.field("forgotten", monitor.forgotten)
    writer.field("count", totals.count)
    writer.field("errors", totals.errors)
    writer.field("rows", totals.rows)
    writer.field("changes", totals.changes)
    writer.field("seconds", Rounded.micro(totals.seconds))
    writer.field("compiled", monitor.uses.compiled)
    writer.field("reused", monitor.uses.reused)
    writer.field("reused_ratio", ratio(monitor.uses.reused, monitor.uses.compiled))
  }

  /// Nil where there was nothing.
  private func ratio(_ hits: Int, _ misses: Int) -> Double? {
    hits + misses == 0 ? nil : Rounded.micro(Double(hits) / Double(hits + misses))
  }
}

/// All fingerprints of one database together.
struct StatementSums {
  var count = 0
  var errors = 0
  var rows: Int64 = 0
  var changes: Int64 = 0
  var seconds = 0.0
  var cacheHits = 0

  init(_ statements: [StatementStatistics]) {
    for statement in statements {
      count += statement.count
      errors += statement.errors
      rows += statement.rows
      changes += statement.changes
      seconds += statement.seconds
      cacheHits += statement.cacheHits
    }
  }
}

extension JobStatus {
  /// In the order in which they are told.
  static let reported: [JobStatus] = [.done, .failed, .rejected, .expired, .cancelled]
}

extension EngineSnapshot.Activity {
  /// The word in monitor files.
  var name: String {
    switch self {
    case .idle: "idle"
    case .writing: "writing"
    case .waitingForLock: "waiting for lock"
    case .paused: "paused"
    }
  }
}

extension JSONWriter {
  /// What is told of one transaction.
  mutating func members(of record: TransactionRecord) {
    field("began", record.began.rfc3339)
    field("isolation", record.isolation.rawValue)
    field("outcome", record.end.outcome.name)
    field("commit", record.end.commit)
    field("jobs", record.end.jobs)
    field("pages", record.end.pages)
    field("seconds", Rounded.micro(record.seconds))
    field("lock_seconds", Rounded.micro(record.lockSeconds))
  }
}
