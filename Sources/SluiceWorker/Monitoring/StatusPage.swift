import Sluice

/// `status.html`: one page that needs nothing beside it, with the numbers of its moment in it; a
/// browser that shows it reads it again every two seconds.
///
/// Readable without scripts; the few lines of script say how old the page is, so that a dead worker
/// does not look alive.
struct StatusPage {
  struct Slow: Sendable {
    var database: String
    var statement: SlowStatement
  }

  private let snapshot: WorkerSnapshot
  private var html = ""

  init(_ snapshot: WorkerSnapshot, events: [MonitorEvent], slow: [Slow]) {
    self.snapshot = snapshot
    html = StatusPageStyle.head
    header()
    holdUps()
    pauses()
    tiles()
    lanes()
    for database in snapshot.databases { self.database(database) }
    statements()
    self.slow(slow)
    self.events(events)
    html += StatusPageStyle.foot(
      heartbeat: snapshot.at, within: snapshot.heartbeat,
      isStopped: snapshot.incoming.phase == .stopped)
  }

  var bytes: [UInt8] { Array(html.utf8) }

  // MARK: At a glance

  private mutating func header() {
    let isPaused = snapshot.databases.contains { $0.engine.activity == .paused }
    let (word, mood) =
      switch snapshot.incoming.phase {
      case .stopped: ("stopped", "off")
      case .stopping: ("stopping", "warn")
      case .running where isPaused: ("paused", "bad")
      case .running where !holdingUp.isEmpty: ("held up", "warn")
      case .running: (snapshot.unfinished > 0 ? "working" : "idle", "good")
      }
    html += """
      <header><h1>Sluice</h1><span id="state" class="pill \(mood)">\(word)</span>\
      <span id="age" class="dim">as of \(Self.clock(snapshot.at))</span></header>
      <p class="dim">\(Self.escaped(snapshot.spool)) · process \(snapshot.pid) · up \
      \(Self.duration(snapshot.uptime))</p>

      """
  }

  private var holdingUp: [(database: String, holdUp: HoldUp)] {
    snapshot.databases.flatMap { database in
      database.engine.holdUps.map { (database.engine.name, $0) }
    }
  }

  private mutating func holdUps() {
    for (database, holdUp) in holdingUp {
      let time = holdUp.seconds > 0 ? " · for \(Self.duration(holdUp.seconds))" : ""
      html += """
        <p class="callout"><b>\(Self.escaped(database)):</b> \(Self.escaped(holdUp.text))\(time)</p>

        """
    }
  }

  private mutating func pauses() {
    let words = snapshot.incoming.pausedWords
    if words.isEmpty { return }
    html +=
      "<p class=\"callout\"><b>Paused:</b> \(Self.escaped(words.joined(separator: ", ")))</p>\n"
  }

  private mutating func tiles() {
    func jobs(_ status: JobStatus) -> Int { snapshot.outcomes.jobs[status] ?? 0 }
    let bad = jobs(.failed) + jobs(.rejected) + jobs(.expired) + jobs(.cancelled)
    html += "<section class=\"tiles\">"
    tile("waiting", Self.count(snapshot.waiting + snapshot.incoming.backlog))
    tile("unfinished", Self.count(snapshot.unfinished))
    if snapshot.incoming.held > 0 { tile("held", Self.count(snapshot.incoming.held)) }
    tile("done", Self.count(jobs(.done)))
    tile("not done", Self.count(bad), isBad: bad > 0)
    tile("jobs/s", Self.rate(snapshot.rates.jobs), extra: Sparkline.svg(snapshot.history))
    tile("commits/s", Self.rate(snapshot.rates.commits))
    tile("memory", Self.bytes(Int64(snapshot.resources.residentBytes)))
    tile("processor", "\(Int((snapshot.rates.cpu * 100).rounded())) %")
    html += "</section>\n"
  }

  private mutating func tile(
    _ label: String, _ value: String, isBad: Bool = false, extra: String = ""
  ) {
    html += "<div class=\"tile\"><span class=\"dim\">\(label)</span>"
    html += "<b\(isBad ? " class=\"red\"" : "")>\(value)</b>\(extra)</div>"
  }

  // MARK: Tables

  private mutating func table(_ title: String, _ columns: [String], _ rows: [[Cell]]) {
    html += "<section><h2>\(Self.escaped(title))</h2>"
    if rows.isEmpty {
      html += "<p class=\"dim\">none</p></section>\n"
      return
    }
    html += "<div class=\"scroll\"><table><tr>"
    for (column, cell) in zip(columns, rows[0]) { html += "<th\(cell.attribute)>\(column)</th>" }
    html += "</tr>"
    for row in rows {
      html += "<tr>"
      for cell in row { html += "<td\(cell.attribute)>\(Self.escaped(cell.text))</td>" }
      html += "</tr>"
    }
    html += "</table></div></section>\n"
  }

  private struct Cell {
    enum Kind {
      case text, number, code, prose
    }

    var text: String
    var kind: Kind

    var attribute: String {
      switch kind {
      case .text: ""
      case .number: " class=\"n\""
      case .code: " class=\"code\""
      case .prose: " class=\"prose\""
      }
    }

    static func text(_ text: String) -> Cell { Cell(text: text, kind: .text) }
    static func number(_ text: String) -> Cell { Cell(text: text, kind: .number) }
    /// Sentences, which may take several lines.
    static func prose(_ text: String) -> Cell { Cell(text: text, kind: .prose) }
    static func code(_ text: String) -> Cell { Cell(text: text, kind: .code) }
  }

  private mutating func lanes() {
    let rows = Priority.allCases.map { priority -> [Cell] in
      let lane = snapshot.lane(priority)
      let latency = snapshot.outcomes.lanes[Int(priority.rawValue)].histogram.summary
      return [
        .text(priority.name + (lane.isPaused ? " (paused)" : "")),
        .number(Self.count(lane.waiting)),
        .number(snapshot.oldestWait(lane).map(Self.duration) ?? "–"),
        .number(Self.count(latency.count)), .number(Self.latency(latency, \.p50)),
        .number(Self.latency(latency, \.p99)), .number(Self.latency(latency, \.maximum)),
      ]
    }
    table("Lanes", ["lane", "waiting", "oldest", "ended", "median", "99 %", "longest"], rows)
  }

  private static func latency(
    _ latency: LatencySummary, _ value: KeyPath<LatencySummary, Double>
  ) -> String {
    latency.count == 0 ? "–" : duration(latency[keyPath: value])
  }

  private mutating func database(_ database: WorkerSnapshot.Database) {
    let engine = database.engine
    html += "<section><h2>Database \(Self.escaped(engine.name))</h2><p class=\"dim\">"
    html += [
      "writer \(engine.activity.name)", "\(engine.pool.lent) of \(engine.poolSize) readers busy",
      "database \(Self.bytes(engine.storage.databaseBytes))",
      "log \(Self.bytes(engine.storage.walBytes))",
      "cache \(Self.count(engine.cache.hits)) of "
        + "\(Self.count(engine.cache.hits + engine.cache.misses)) hit",
      "\(Self.bytes(engine.storage.freeBytes)) free",
    ].joined(separator: " · ")
    html += "</p></section>\n"
    if !engine.running.isEmpty {
      table(
        "Running", ["job", "kind", "priority", "for"],
        engine.running.prefix(10).map { job in
          [
            .code(job.name), .text(job.isWrite ? "write" : "read"), .text(job.priority.name),
            .number(Self.duration(engine.taken.seconds(since: job.since))),
          ]
        })
    }
    let batches = engine.writer.batches.sorted { $0.key < $1.key }.map(\.value)
    if !batches.isEmpty {
      table(
        "Batches", ["job", "read", "lines", "not done"],
        batches.prefix(10).map { batch in
          [
            .code(batch.name), .number("\(batch.size > 0 ? batch.offset * 100 / batch.size : 0) %"),
            .number(Self.count(Int(batch.lines.total))),
            .number(Self.count(Int(batch.lines.notDone))),
          ]
        })
    }
    table(
      "Last transactions", ["began", "outcome", "commit", "jobs", "pages", "took"],
      database.recent.map { record in
        [
          .text(Self.clock(record.began)), .text(record.end.outcome.name),
          .number(record.end.commit.map { String($0) } ?? "–"), .number(String(record.end.jobs)),
          .number(String(record.end.pages)), .number(Self.duration(record.seconds)),
        ]
      })
  }

  private mutating func statements() {
    let all = snapshot.databases.flatMap { $0.engine.monitor?.statements ?? [] }
    let top = all.sorted { $0.seconds > $1.seconds }.prefix(10)
    table(
      "Statements by time", ["statement", "runs", "errors", "total", "median", "99 %", "longest"],
      top.map { statement in
        [
          .code(String(statement.fingerprint.text.prefix(200))),
          .number(Self.count(statement.count)), .number(Self.count(statement.errors)),
          .number(Self.duration(statement.seconds)),
          .number(Self.duration(statement.latency.p50)),
          .number(Self.duration(statement.latency.p99)),
          .number(Self.duration(statement.latency.maximum)),
        ]
      })
  }

  private mutating func slow(_ slow: [Slow]) {
    table(
      "Slow statements", ["took", "statement", "job", "ended"],
      slow.map { slow in
        [
          .text(Self.duration(slow.statement.seconds)),
          .code(String(slow.statement.sql.prefix(200))), .text(slow.statement.job),
          .text(Self.clock(slow.statement.ended)),
        ]
      })
  }

  private mutating func events(_ events: [MonitorEvent]) {
    table(
      "Events", ["at", "what"],
      events.map { event in
        let lasted = event.seconds.map { " (\(Self.duration($0)))" } ?? ""
        return [
          .text(Self.clock(event.at)),
          .prose("\(event.kind.rawValue.replacing("_", with: " ")): \(event.text)\(lasted)"),
        ]
      })
  }
}
