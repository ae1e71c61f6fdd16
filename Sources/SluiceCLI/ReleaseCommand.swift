import ArgumentParser
import Sluice
import Spool

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Lets parked jobs go; they arrive anew.")

  @OptionGroup var jobs: MoveOptions
  @Option(help: "The lane: urgent, high, normal, low or bulk (else the one it came from).")
  var priority: Priority?

  func run() throws { try jobs.move(from: [.hold], toLane: priority) }
}
