import ArgumentParser
import JSON
import Spool

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists jobs: those that wait, run or are held, unless told.")

  @OptionGroup var options: SpoolOptions

  @Flag(help: "Jobs in incoming/.")
  var waiting = false

  @Flag(help: "Jobs that the worker has claimed.")
  var active = false

  @Flag(help: "Jobs in hold/.")
  var held = false

  @Flag(help: "Jobs with a result that were done.")
  var done = false

  @Flag(help: "Jobs in failed/.")
  var failed = false

  @Flag(help: "All of these.")
  var all = false

  func run() throws {
    let inventory = SpoolInventory(spool: try options.open())
    var sightings: [SpoolInventory.Sighting] = []
    for place in places { sightings += try inventory.sightings(in: place).sorted(by: precedes) }
    if isWanted(done) { sightings += try doneJobs(inventory) }
    options.json ? writeJSON(sightings) : showTable(sightings)
  }

  private var isUnfiltered: Bool { !(waiting || active || held || done || failed || all) }

  private func isWanted(_ flag: Bool) -> Bool { all || flag }

  private var places: [SpoolInventory.Place] {
    var places: [SpoolInventory.Place] = []
    if isUnfiltered || isWanted(active) { places.append(.active) }
    if isUnfiltered || isWanted(waiting) {
      let lanes = IncomingLane.allCases.filter { $0 != .control }.sorted(by: comesFirst)
      places += ([.control] + lanes).map { .incoming($0) }
    }
    if isUnfiltered || isWanted(held) { places.append(.hold) }
    if isWanted(failed) { places.append(.failed) }
    return places
  }

  /// By priority; `incoming/` itself with the normal ones, which most of its jobs are.
  private func comesFirst(_ left: IncomingLane, _ right: IncomingLane) -> Bool {
    (left.priority ?? .normal) < (right.priority ?? .normal)
  }

  private func precedes(
    _ left: SpoolInventory.Sighting, _ right: SpoolInventory.Sighting
  ) -> Bool {
    (left.time, left.job.text) < (right.time, right.job.text)
  }

  /// Jobs with a result that were done. Those whose file is in `failed/` were not, unless one of the
  /// same name was since.
  private func doneJobs(
    _ inventory: SpoolInventory
  ) throws -> [SpoolInventory.Sighting] {
    let failed = Set(try inventory.sightings(in: .failed).map(\.job))
    return try inventory.sightings(in: .results).filter { sighting in
      guard failed.contains(sighting.job) else { return true }
      return try JobResult(of: sighting.job, in: inventory.spool)?.isDone == true
    }.sorted(by: precedes)
  }

  private func showTable(_ sightings: [SpoolInventory.Sighting]) {
    let rows = sightings.map { sighting in
      [
        TableFormat.Cell(sighting.place.state), .init(sighting.lane.map(Self.word) ?? "-"),
        .init(sighting.time.rfc3339), .init(number: String(sighting.size)),
        .init(sighting.job.text),
      ]
    }
    TableFormat(columns: ["state", "lane", "since", "size", "job"], rows: rows).show()
  }

  private static func word(_ lane: IncomingLane) -> String { lane == .root ? "-" : lane.rawValue }

  private func writeJSON(_ sightings: [SpoolInventory.Sighting]) {
    var writer = JSONWriter()
    writer.beginArray()
    for sighting in sightings {
      writer.beginObject()
      sighting.write(to: &writer)
      writer.endObject()
    }
    writer.endArray()
    Output.document(writer.bytes)
  }
}
