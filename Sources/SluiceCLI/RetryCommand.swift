import ArgumentParser

struct RetryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Tries failed jobs again; they arrive anew.")

  @OptionGroup var jobs: MoveOptions
  @OptionGroup var priority: PriorityOption

  func run() throws { try jobs.move(from: [.failed], to: .incoming(priority.lane)) }
}
