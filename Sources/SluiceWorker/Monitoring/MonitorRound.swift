import Glibc
import JSON
import Sluice
import Spool

/// Takes a snapshot and writes all monitor files from it; remembers what they tell of earlier ones.
///
/// Confined to the monitor's thread.
struct MonitorRound {
  /// Bytes after which a `.jsonl` is put aside as `.1`.
  static let logBytesMax: Int64 = 8 << 20
  private static let historyMax = 60
  private static let recentMax = 10

  private let settings: MetricsWriter.Settings
  private let sources: MetricsWriter.Sources
  private let started = Timestamp.now()
  private var detector = EventDetector()
  private var plans: [String: QueryPlans] = [:]
  private var advisors: [String: IndexAdvisor] = [:]
  private var recent: [String: [TransactionRecord]] = [:]
  private var recentEvents: [MonitorEvent] = []
  private var recentSlow: [StatusPage.Slow] = []
  private var history: [Double] = []
  private var last: (time: MonotonicTime, jobs: Int, commits: Int, cpu: Double)?
  private var isFirst = true

  init(_ settings: MetricsWriter.Settings, _ sources: MetricsWriter.Sources) {
    self.settings = settings
    self.sources = sources
  }

  mutating func run(
    _ incoming: WorkerSnapshot.Incoming, _ events: [MonitorEvent]
  ) throws(FileError) {
    var snapshot = snapshot(incoming)
    let monitor = sources.layout.monitor
    if settings.isEnabled {
      addRates(&snapshot)
      try writeLogs(&snapshot, events)
      try monitor.replace("statements.json", with: StatementsDocument.bytes(snapshot))
      let page = StatusPage(snapshot, events: recentEvents, slow: recentSlow)
      try monitor.replace("status.html", with: page.bytes)
    } else if isFirst {
      // What an earlier worker wrote would pass for this one's.
      try monitor.unlink("statements.json")
      try monitor.unlink("status.html")
    }
    isFirst = false
    try monitor.replace("metrics.prom", with: MetricsText.bytes(snapshot), mode: 0o644)
    // The last one: whoever waits for a heartbeat finds the others as new.
    try monitor.replace("metrics.json", with: MetricsDocument.bytes(snapshot))
  }

  private func snapshot(_ incoming: WorkerSnapshot.Incoming) -> WorkerSnapshot {
    let engines = sources.engines.all.sorted { $0.configuration.name < $1.configuration.name }
    return WorkerSnapshot(
      at: .now(), started: started, pid: getpid(), spool: sources.layout.root.path,
      heartbeat: incoming.heartbeat, isMonitored: settings.isEnabled, incoming: incoming,
      unfinished: sources.active.count, unpublished: sources.unpublished(),
      outcomes: sources.counts.snapshot,
      databases: engines.map { WorkerSnapshot.Database(engine: $0.snapshot()) },
      resources: settings.isEnabled ? .now() : ResourceUsage(),
      spoolFreeBytes: StorageUsage.free(at: sources.layout.root.path))
  }

  private mutating func addRates(_ snapshot: inout WorkerSnapshot) {
    let now = MonotonicTime.now()
    let commits = snapshot.databases.reduce(0) { $0 + ($1.engine.monitor?.totals.committed ?? 0) }
    let jobs = snapshot.outcomes.total
    let cpu = snapshot.resources.cpuSeconds
    if let last {
      let seconds = max(1e-3, now.seconds(since: last.time))
      snapshot.rates = .init(
        seconds: seconds, jobs: Double(jobs - last.jobs) / seconds,
        commits: Double(commits - last.commits) / seconds, cpu: max(0, cpu - last.cpu) / seconds)
      history.append(snapshot.rates.jobs)
      if history.count > Self.historyMax { history.removeFirst() }
    }
    last = (now, jobs, commits, cpu)
    snapshot.history = history
  }

  // MARK: Logs

  private mutating func writeLogs(
    _ snapshot: inout WorkerSnapshot, _ events: [MonitorEvent]
  ) throws(FileError) {
    var slow = JSONWriter()
    var transactions = JSONWriter()
    for index in snapshot.databases.indices {
      let engine = snapshot.databases[index].engine
      guard let monitor = engine.monitor else { continue }
      let name = engine.name
      var explaining = plans[name] ?? QueryPlans(path: engine.path)
      snapshot.databases[index].plans = explaining.plans(of: monitor.slow)
      plans[name] = explaining
      write(monitor, name, snapshot.databases[index].plans, &slow)
      write(monitor, name, &transactions)
      let newest = Array(monitor.transactions.suffix(Self.recentMax).reversed())
      recent[name] = Array((newest + (recent[name] ?? [])).prefix(Self.recentMax))
      snapshot.databases[index].recent = recent[name] ?? []
    }
    var lines = JSONWriter()
    let found = events + detector.events(in: snapshot) + scans(in: snapshot)
    for event in found { event.write(to: &lines) }
    recentEvents = Array((found.reversed() + recentEvents).prefix(Self.recentMax))
    try append(slow, "slow.jsonl")
    try append(transactions, "transactions.jsonl")
    try append(lines, "events.jsonl")
  }

  private mutating func scans(in snapshot: WorkerSnapshot) -> [MonitorEvent] {
    snapshot.databases.flatMap { database -> [MonitorEvent] in
      let engine = database.engine
      var advisor = advisors[engine.name] ?? IndexAdvisor(path: engine.path)
      let advice = advisor.advice(for: engine.monitor?.statements ?? [])
      advisors[engine.name] = advisor
      return advice.map { advice in
        var event = MonitorEvent(
          kind: .fullScan, at: snapshot.at,
          text: "a statement reads all of \(advice.table); this would spare it that: \(advice.sql)")
        event.database = engine.name
        event.seconds = advice.seconds
        event.count = Int(advice.rows)
        event.fingerprint = advice.fingerprint
        return event
      }
    }
  }

  private func append(_ writer: JSONWriter, _ name: String) throws(FileError) {
    if writer.bytes.isEmpty { return }
    try sources.layout.monitor.append(writer.bytes, to: name, rotatingAt: Self.logBytesMax)
  }

  private mutating func write(
    _ monitor: QueryMonitor.Snapshot, _ database: String, _ plans: [UInt64: [String]],
    _ writer: inout JSONWriter
  ) {
    for statement in monitor.slow {
      writer.beginObject()
      writer.field("at", statement.ended.rfc3339)
      writer.field("database", database)
      writer.field("job", statement.job)
      writer.field("id", statement.fingerprint.id)
      writer.field("seconds", Rounded.micro(statement.seconds))
      writer.field("rows", statement.rows)
      writer.field("changes", statement.changes)
      writer.field("error", statement.isError ? true : nil)
      writer.field("sql", statement.sql)
      writer.field("truncated", statement.isWhole ? nil : true)
      if let plan = plans[statement.fingerprint.hash] { writer.lines("plan", plan) }
      writer.endObject()
      writer.newline()
      recentSlow.insert(.init(database: database, statement: statement), at: 0)
    }
    recentSlow.removeLast(max(0, recentSlow.count - Self.recentMax))
    Self.writeOmitted(monitor.slowOmitted, database, &writer)
  }

  private func write(
    _ monitor: QueryMonitor.Snapshot, _ database: String, _ writer: inout JSONWriter
  ) {
    for record in monitor.transactions {
      writer.beginObject()
      writer.field("database", database)
      writer.members(of: record)
      writer.endObject()
      writer.newline()
    }
    Self.writeOmitted(monitor.transactionsOmitted, database, &writer)
  }

  private static func writeOmitted(_ count: Int, _ database: String, _ writer: inout JSONWriter) {
    if count == 0 { return }
    writer.beginObject()
    writer.field("database", database)
    writer.field("omitted", count)
    writer.endObject()
    writer.newline()
  }
}
