import ArgumentParser

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Lets parked jobs go; they arrive anew.")

  @OptionGroup var jobs: MoveOptions
  @OptionGroup var priority: PriorityOption

  func run() throws { try jobs.move(from: [.hold], to: .place(.incoming(priority.lane))) }
}
