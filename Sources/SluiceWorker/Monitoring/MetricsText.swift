import Sluice

/// `metrics.prom`: the same numbers in Prometheus' text format, for node_exporter's textfile
/// collector. Base units, counters end in `_total`.
struct MetricsText {
  private var text = ""

  static func bytes(_ snapshot: WorkerSnapshot) -> [UInt8] {
    var metrics = MetricsText()
    metrics.worker(snapshot)
    metrics.queues(snapshot)
    metrics.writers(snapshot)
    metrics.storage(snapshot)
    if snapshot.isMonitored {
      metrics.pools(snapshot)
      metrics.caches(snapshot)
      metrics.transactions(snapshot)
      metrics.statements(snapshot)
      metrics.process(snapshot)
    }
    return Array(metrics.text.utf8)
  }

  // MARK: Families

  private enum Kind: String {
    case counter, gauge, histogram
  }

  private typealias Sample = (labels: [(String, String)], value: Double)

  private mutating func head(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) \(kind.rawValue)\n"
  }

  private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
    text += "sluice_\(name)"
    if !labels.isEmpty {
      let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
      text += "{\(pairs.joined(separator: ","))}"
    }
    text += " \(Self.number(value))\n"
  }

  private mutating func family(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]
  ) {
    head(name, kind, help)
    for sample in samples { line(name, sample.labels, sample.value) }
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Double) {
    family(name, .gauge, help, [([], value)])
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Int) {
    gauge(name, help, Double(value))
  }

  /// One sample for each database.
  private mutating func each(
    _ snapshot: WorkerSnapshot, _ name: String, _ kind: Kind, _ help: String,
    _ value: (EngineSnapshot) -> Double?
  ) {
    let samples = snapshot.databases.compactMap { database -> Sample? in
      value(database.engine).map { ([("database", database.engine.name)], $0) }
    }
    family(name, kind, help, samples)
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }

  private static func number(_ value: Double) -> String {
    if let integer = Int64(exactly: value) { return String(integer) }
    return value.isFinite ? value.description : value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN"
  }

  // MARK: The worker

  private mutating func worker(_ snapshot: WorkerSnapshot) {
    gauge(
      "heartbeat_timestamp_seconds", "When the worker last showed that it is alive.",
      Double(snapshot.at.nanoseconds / 1_000_000) / 1e3)
    gauge(
      "start_timestamp_seconds", "When the worker started.",
      Double(snapshot.started.nanoseconds / 1_000_000) / 1e3)
    gauge(
      "stopping", "1 while the worker takes no more jobs.",
      snapshot.incoming.phase == .running ? 0 : 1)
    family(
      "jobs_total", .counter, "Jobs that have ended, by status.",
      JobStatus.reported.map {
        ([("status", $0.name)], Double(snapshot.outcomes.jobs[$0] ?? 0))
      })
    gauge("jobs_unfinished", "Jobs claimed and not finished.", snapshot.unfinished)
    gauge(
      "jobs_held", "Jobs that wait for a time, for other jobs or for the end of a pause.",
      snapshot.incoming.held)
    gauge("results_unpublished", "Results that wait to be written.", snapshot.unpublished)
    family(
      "incoming_files", .gauge, "Files in incoming/ that are not claimed yet, by directory.",
      snapshot.incoming.lanes.map {
        ([("lane", $0.lane.rawValue)], Double($0.backlog + $0.resting))
      })
    gauge(
      "incoming_refused_files", "Files in incoming/ that the worker may not read or move.",
      snapshot.incoming.refused)
    gauge(
      "incoming_directories", "Directories in incoming/ that do not belong there.",
      snapshot.incoming.directories)
    durations(snapshot)
  }

  private mutating func durations(_ snapshot: WorkerSnapshot) {
    head(
      "job_duration_seconds", .histogram, "From a job's arrival until its result stood, by lane.")
    for priority in Priority.allCases {
      let latency = snapshot.outcomes.lanes[Int(priority.rawValue)]
      var count = 0
      for (bound, jobs) in zip(JobLatency.bounds, latency.buckets) {
        count += jobs
        let labels = [("lane", priority.name), ("le", Self.number(bound))]
        line("job_duration_seconds_bucket", labels, Double(count))
      }
      let total = Double(latency.histogram.count)
      let lane = [("lane", priority.name)]
      line("job_duration_seconds_bucket", lane + [("le", "+Inf")], total)
      line("job_duration_seconds_sum", lane, latency.seconds)
      line("job_duration_seconds_count", lane, total)
    }
  }

  // MARK: Databases

  private mutating func queues(_ snapshot: WorkerSnapshot) {
    var waiting: [Sample] = []
    var oldest: [Sample] = []
    var paused: [Sample] = []
    for database in snapshot.databases {
      for lane in database.engine.lanes {
        let labels = [("database", database.engine.name), ("lane", lane.priority.name)]
        waiting.append((labels + [("kind", "write")], Double(lane.writes)))
        waiting.append((labels + [("kind", "read")], Double(lane.reads)))
        oldest.append((labels, snapshot.oldestWait(lane) ?? 0))
        let isPaused = lane.isPaused || snapshot.holds(database, lane.priority)
        paused.append((labels, isPaused ? 1 : 0))
      }
    }
    family("jobs_waiting", .gauge, "Jobs that wait for their turn.", waiting)
    family(
      "oldest_wait_seconds", .gauge, "How long the job that waits longest has waited.", oldest)
    family("lane_paused", .gauge, "1 while a lane is paused.", paused)
  }

  private mutating func writers(_ snapshot: WorkerSnapshot) {
    each(snapshot, "jobs_running", .gauge, "Jobs that run.") { Double($0.running.count) }
    each(snapshot, "writer_paused", .gauge, "1 while nothing can be written.") {
      $0.writer.pausedBecause == nil ? 0 : 1
    }
    each(snapshot, "hold_ups", .gauge, "What may keep an urgent write waiting now.") {
      Double($0.holdUps.count)
    }
    each(snapshot, "lock_waiting_seconds", .gauge, "How long the writer waits for the lock now.") {
      if case .waitingForLock(let seconds) = $0.activity { seconds } else { 0 }
    }
    each(snapshot, "preemptions_total", .counter, "Jobs that gave way to more urgent ones.") {
      Double($0.writer.preemptions)
    }
  }

  private mutating func storage(_ snapshot: WorkerSnapshot) {
    each(snapshot, "database_bytes", .gauge, "Size of the database file.") {
      Double($0.storage.databaseBytes)
    }
    each(snapshot, "wal_bytes", .gauge, "Size of the write-ahead log.") {
      Double($0.storage.walBytes)
    }
    each(snapshot, "wal_held_back_pages", .gauge, "Pages that a reader keeps in the log.") {
      Double($0.writer.heldBackPages)
    }
    each(snapshot, "disk_free_bytes", .gauge, "What the database's disk has left.") {
      Double($0.storage.freeBytes)
    }
    gauge("spool_free_bytes", "What the spool's disk has left.", Double(snapshot.spoolFreeBytes))
  }

  private mutating func pools(_ snapshot: WorkerSnapshot) {
    each(snapshot, "pool_size", .gauge, "Connections that may be open for reads.") {
      Double($0.poolSize)
    }
    each(snapshot, "pool_open", .gauge, "Connections that are open.") { Double($0.pool.open) }
    each(snapshot, "pool_lent", .gauge, "Connections in use.") { Double($0.pool.lent) }
    each(snapshot, "pool_waiting", .gauge, "Readers that wait for a connection.") {
      Double($0.pool.waiting)
    }
    each(snapshot, "pool_uses_total", .counter, "Times a connection was used.") {
      Double($0.pool.uses)
    }
    each(snapshot, "pool_opened_total", .counter, "Connections opened.") { Double($0.pool.opened) }
    each(snapshot, "pool_recycled_total", .counter, "Connections replaced.") {
      Double($0.pool.recycled)
    }
    each(snapshot, "pool_failures_total", .counter, "Connections that could not be opened.") {
      Double($0.pool.failed)
    }
    each(snapshot, "pool_rested_total", .counter, "Connections closed since nobody needed them.") {
      Double($0.pool.rested)
    }
    each(snapshot, "pool_checks_total", .counter, "Health checks before a use.") {
      Double($0.pool.checks)
    }
    each(snapshot, "pool_oldest_seconds", .gauge, "Age of the oldest open connection.") {
      $0.pool.oldestSeconds
    }
    each(
      snapshot, "pool_lifetime_seconds_total", .counter, "How long closed connections had lived."
    ) { $0.pool.lifetimeSeconds }
    each(snapshot, "pool_waits_total", .counter, "Readers that found no connection free.") {
      Double($0.pool.waits)
    }
    each(snapshot, "pool_wait_seconds_total", .counter, "How long they waited.") {
      $0.pool.waitSeconds
    }
    each(snapshot, "pool_timeouts_total", .counter, "Waits for a connection that were in vain.") {
      Double($0.pool.timeouts)
    }
  }

  private mutating func caches(_ snapshot: WorkerSnapshot) {
    func sum(_ name: String, _ help: String, _ value: (CacheStatistics) -> Int) {
      each(snapshot, name, .counter, help) { Double(value($0.cache)) }
    }
    sum("cache_hits_total", "Reads that were answered from the cache.") { $0.hits }
    sum("cache_misses_total", "Reads that might have been, but were not.") { $0.misses }
    sum("cache_evictions_total", "Results dropped since the cache was full.") { $0.evictions }
    sum("cache_expiries_total", "Results dropped since their time was over.") { $0.expiries }
    sum("cache_invalidations_total", "Results dropped since the database changed.") {
      $0.invalidations
    }
    sum("cache_failures_total", "Times the cache was passed by.") { $0.failures }
    each(snapshot, "cache_entries", .gauge, "Results kept.") { Double($0.cache.entries) }
    each(snapshot, "cache_bytes", .gauge, "Bytes of the results kept.") { Double($0.cache.bytes) }
  }

  private mutating func transactions(_ snapshot: WorkerSnapshot) {
    let samples = snapshot.databases.flatMap { database -> [Sample] in
      guard let totals = database.engine.monitor?.totals else { return [] }
      let name = ("database", database.engine.name)
      return [
        ([name, ("outcome", "committed")], Double(totals.committed)),
        ([name, ("outcome", "undone")], Double(totals.undone)),
        ([name, ("outcome", "unknown")], Double(totals.unknown)),
      ]
    }
    family("transactions_total", .counter, "Transactions of the writer, by outcome.", samples)
    func sum(_ name: String, _ help: String, _ value: (TransactionTotals) -> Double) {
      each(snapshot, name, .counter, help) { $0.monitor.map { value($0.totals) } }
    }
    sum("transaction_jobs_total", "Jobs in committed transactions.") { Double($0.jobs) }
    sum("transaction_pages_total", "Pages written to the log by transactions.") {
      Double($0.pages)
    }
    sum("transaction_seconds_total", "How long the write lock was held.") { $0.seconds }
    sum("lock_waits_total", "Waits for a lock of another process.") { Double($0.lockWaits) }
    sum("lock_wait_seconds_total", "Time spent in such waits.") { $0.lockWaitSeconds }
    sum("lock_timeouts_total", "Such waits that were in vain.") { Double($0.lockTimeouts) }
  }

  private mutating func statements(_ snapshot: WorkerSnapshot) {
    func sum(_ name: String, _ help: String, _ value: (StatementSums) -> Double) {
      each(snapshot, name, .counter, help) {
        $0.monitor.map { value(StatementSums($0.statements)) }
      }
    }
    sum("statements_total", "Statements run.") { Double($0.count) }
    sum("statement_errors_total", "Statements that ended with an error.") { Double($0.errors) }
    sum("statement_seconds_total", "Running time of statements.") { $0.seconds }
    sum("statement_rows_total", "Rows returned.") { Double($0.rows) }
    sum("statement_changes_total", "Rows changed.") { Double($0.changes) }
    each(snapshot, "statements_compiled_total", .counter, "Statements that had to be compiled.") {
      $0.monitor.map { Double($0.uses.compiled) }
    }
    each(snapshot, "statements_reused_total", .counter, "Statements found compiled.") {
      $0.monitor.map { Double($0.uses.reused) }
    }
  }

  private mutating func process(_ snapshot: WorkerSnapshot) {
    let resources = snapshot.resources
    gauge("process_resident_memory_bytes", "Resident memory.", resources.residentBytes)
    family(
      "process_cpu_seconds_total", .counter, "CPU time of all threads.",
      [([], resources.cpuSeconds)])
    gauge("process_open_fds", "Open files.", resources.openFiles)
    gauge("process_max_fds", "Open files at most.", resources.openFilesMax)
    gauge("process_threads", "Threads.", resources.threads)
  }
}
