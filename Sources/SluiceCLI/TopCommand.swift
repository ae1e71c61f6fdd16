import ArgumentParser
import Glibc
import JSON
import Sluice
import Spool

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Shows what the worker does, anew every second; q quits.",
    discussion: "Where standard output is no terminal, it shows it once.")

  @OptionGroup var options: SpoolOptions

  func run() throws {
    let spool = try options.open()
    if options.json {
      Output.document(try TopView(spool).json)
      return
    }
    guard isatty(STDOUT_FILENO) == 1, isatty(STDIN_FILENO) == 1 else {
      for line in try TopView(spool).lines(for: .output) { Output.line(line) }
      return
    }
    let screen = Screen()
    defer { screen.leave() }
    repeat {
      screen.show(try TopView(spool).lines(for: .output))
    } while !screen.isAskedToQuit(within: 1)
  }
}

/// One picture of `sluice top`.
struct TopView {
  private let spool: SpoolLayout
  private let life: WorkerLife
  private let metrics: WorkerMetrics?
  private let statements: [UInt8]?

  init(_ spool: SpoolLayout) throws {
    self.spool = spool
    metrics = try WorkerMetrics(of: spool)
    life = WorkerLife(try SpoolLock.holder(spool), metrics)
    statements = try spool.monitor.contents("statements.json")
  }

  var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("alive", life.isAlive)
    writer.field("heartbeat_age_seconds", life.age)
    if let metrics {
      writer.key("metrics")
      writer.raw(metrics.bytes)
    }
    if let statements, (try? JSONReader.parse(statements, verbatim: [])) != nil {
      writer.key("statements")
      writer.raw(statements)
    }
    writer.endObject()
    return writer.bytes
  }

  func lines(for terminal: Terminal) -> [String] {
    var lines = [
      terminal.bold("sluice") + "  " + VisibleText.escaped(spool.root.path),
      "worker  " + life.text(for: terminal),
    ]
    guard let metrics else { return lines }
    lines.append("jobs    " + jobs(metrics))
    lines += metrics.databaseLines.map { "base    " + VisibleText.escaped($0) }
    lines += metrics.holdUps.map { terminal.red("held up") + " " + VisibleText.escaped($0) }
    if !metrics.paused.isEmpty {
      let words = metrics.paused.joined(separator: ", ")
      lines.append(terminal.red("paused") + "  " + VisibleText.escaped(words))
    }
    let tables = [
      metrics.lanes, metrics.running, metrics.batches, topStatements, metrics.commits(most: 5),
    ].compactMap { $0 }
    for table in tables { lines += [""] + table.lines(for: terminal) }
    return lines
  }

  private func jobs(_ metrics: WorkerMetrics) -> String {
    var parts: [String] = []
    if let jobs = metrics["jobs"] {
      let keys = ["done", "failed", "rejected", "expired", "cancelled", "unfinished", "held"]
      parts = keys.map { "\(jobs.count($0)) \($0)" }
    }
    if let rates = metrics["rates"] {
      parts.append(Quantity.decimal(rates.number("jobs_per_second")) + "/s")
      parts.append(Quantity.decimal(rates.number("commits_per_second")) + " commits/s")
    }
    if let resources = metrics["resources"] {
      parts.append("cpu " + Quantity.percent(resources.number("cpu_share")))
      parts.append("memory " + Quantity.bytes(Int64(resources.count("resident_bytes"))))
    }
    return parts.joined(separator: ", ")
  }

  private var topStatements: TableFormat? {
    guard let statements, let root = try? JSONReader.parse(statements, verbatim: [])
    else { return nil }
    var rows: [[TableFormat.Cell]] = []
    for statement in root.list("statements").prefix(10) {
      rows.append(
        [
          .init(statement.count("count")), .init(statement.count("errors")),
          statement.duration("seconds"), statement.duration("p50"), statement.duration("p99"),
          statement.duration("max"), .init(statement.text("statement")),
        ])
    }
    if rows.isEmpty { return nil }
    return TableFormat(
      columns: ["runs", "errors", "total", "median", "99 %", "longest", "statement"], rows: rows)
  }
}
