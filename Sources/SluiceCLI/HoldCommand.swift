import ArgumentParser
import Spool

struct HoldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Parks jobs that wait, so that they do not run.")

  @OptionGroup var jobs: MoveOptions

  func run() throws {
    // A control job is for the worker at once or not at all.
    let lanes = IncomingLane.allCases.filter { $0 != .control }
    try jobs.move(from: lanes.map { .incoming($0) }, to: .place(.hold))
  }
}
