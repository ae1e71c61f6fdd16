import ArgumentParser
import JSON
import Spool

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Says whether a worker runs, what waits, what holds up and how many jobs are where.")

  @OptionGroup var options: SpoolOptions

  func run() throws {
    let spool = try options.open()
    let holder = try SpoolLock.holder(spool)
    let inventory = SpoolInventory(spool: spool)
    var counts: [(place: SpoolInventory.Place, count: Int)] = []
    for place in Self.places { counts.append((place, try inventory.count(in: place))) }
    let metrics = try WorkerMetrics(of: spool)
    if options.json {
      writeJSON(spool, holder, counts, metrics)
    } else {
      show(spool, holder, counts, metrics)
    }
  }

  private static let places: [SpoolInventory.Place] =
    IncomingLane.allCases.map { .incoming($0) } + [.active, .hold, .results, .failed]

  private func show(
    _ spool: SpoolLayout, _ holder: SpoolLock.Holder,
    _ counts: [(place: SpoolInventory.Place, count: Int)], _ metrics: WorkerMetrics?
  ) {
    let terminal = Terminal.output
    Output.line("spool   \(spool.root.path)")
    Output.line("worker  \(WorkerLife(holder, metrics).text(for: terminal))")
    if let metrics, holder != .nobody {
      for line in metrics.databaseLines { Output.line("base    \(VisibleText.escaped(line))") }
      for text in metrics.holdUps {
        Output.line("\(terminal.red("held up"))  \(VisibleText.escaped(text))")
      }
      if !metrics.paused.isEmpty {
        let words = metrics.paused.joined(separator: ", ")
        Output.line("\(terminal.red("paused"))  \(VisibleText.escaped(words))")
      }
      Output.line("")
      metrics.lanes.show()
      for table in [metrics.running, metrics.batches, metrics.commits(most: 5)].compactMap({ $0 }) {
        Output.line("")
        table.show()
      }
    }
    Output.line("")
    let rows = counts.map { [TableFormat.Cell($0.place.path), .init($0.count)] }
    TableFormat(columns: ["directory", "jobs"], rows: rows).show()
  }

  private func writeJSON(
    _ spool: SpoolLayout, _ holder: SpoolLock.Holder,
    _ counts: [(place: SpoolInventory.Place, count: Int)], _ metrics: WorkerMetrics?
  ) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("spool", spool.root.path)
    writer.key("worker")
    writer.beginObject()
    writer.field("running", holder != .nobody)
    if case .worker(let pid?) = holder { writer.field("pid", Int(pid)) }
    let life = WorkerLife(holder, metrics)
    writer.field("alive", life.isAlive)
    writer.field("heartbeat_age_seconds", life.age)
    writer.endObject()
    writer.key("jobs")
    writer.beginObject()
    for (place, count) in counts { writer.field(place.path, count) }
    writer.endObject()
    if let metrics {
      writer.key("metrics")
      writer.raw(metrics.bytes)
    }
    writer.endObject()
    Output.document(writer.bytes)
  }
}
