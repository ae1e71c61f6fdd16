import ArgumentParser
import JSON
import Spool

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Says whether a worker runs and how many jobs are where.")

  @OptionGroup var options: SpoolOptions

  func run() throws {
    let spool = try options.open()
    let holder = try SpoolLock.holder(spool)
    let inventory = SpoolInventory(spool: spool)
    var counts: [(place: SpoolInventory.Place, count: Int)] = []
    for place in Self.places { counts.append((place, try inventory.count(in: place))) }
    let metrics = try metrics(of: spool)
    if options.json {
      writeJSON(spool, holder, counts, metrics)
    } else {
      show(spool, holder, counts)
    }
  }

  private static let places: [SpoolInventory.Place] =
    IncomingLane.allCases.map { .incoming($0) } + [.active, .hold, .results, .failed]

  /// What the worker last said of itself, as it is written; nil where it has said nothing.
  private func metrics(of spool: SpoolLayout) throws -> [UInt8]? {
    let bytes = try spool.monitor.contents("metrics.json")
    guard let bytes, (try? JSONReader.parse(bytes, verbatim: [])) != nil else { return nil }
    return bytes
  }

  private func show(
    _ spool: SpoolLayout, _ holder: SpoolLock.Holder,
    _ counts: [(place: SpoolInventory.Place, count: Int)]
  ) {
    let terminal = Terminal.output
    let worker =
      switch holder {
      case .nobody: terminal.red("not running")
      case .worker(let pid): terminal.green("running") + (pid.map { ", pid \($0)" } ?? ", starting")
      }
    Output.line("spool   \(spool.root.path)")
    Output.line("worker  \(worker)")
    Output.line("")
    let rows = counts.map { [TableFormat.Cell($0.place.path), .init($0.count)] }
    TableFormat(columns: ["directory", "jobs"], rows: rows).show()
  }

  private func writeJSON(
    _ spool: SpoolLayout, _ holder: SpoolLock.Holder,
    _ counts: [(place: SpoolInventory.Place, count: Int)], _ metrics: [UInt8]?
  ) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("spool", spool.root.path)
    writer.key("worker")
    writer.beginObject()
    writer.field("running", holder != .nobody)
    if case .worker(let pid?) = holder { writer.field("pid", Int(pid)) }
    writer.endObject()
    writer.key("jobs")
    writer.beginObject()
    for (place, count) in counts { writer.field(place.path, count) }
    writer.endObject()
    if let metrics {
      writer.key("metrics")
      writer.raw(metrics)
    }
    writer.endObject()
    Output.document(writer.bytes)
  }
}
