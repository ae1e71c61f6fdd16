import ArgumentParser
import Sluice
import Spool

/// What the commands that move jobs take.
struct MoveOptions: ParsableArguments {
  @OptionGroup var options: SpoolOptions

  @Argument(help: ArgumentHelp("Names of jobs, or globs in quotes.", valueName: "name"))
  var names: [String]

  func move(
    from sources: [SpoolInventory.Place], to target: JobMove.Target
  ) throws {
    let move = JobMove(spool: try options.open(), sources: sources, target: target)
    try move.move(names).finish(json: options.json)
  }

  /// Back into `incoming/`.
  /// - Parameter priority: of the lane; nil for the one that each came from.
  func move(from sources: [SpoolInventory.Place], toLane priority: Priority?) throws {
    let lane = IncomingLane.allCases.first { $0.priority == priority }
    try move(from: sources, to: priority == nil ? .laneBefore : .place(.incoming(lane ?? .root)))
  }
}
