import ArgumentParser
import Sluice
import Spool

struct RetryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Tries failed jobs again; they arrive anew.")

  @OptionGroup var jobs: MoveOptions
  @Option(help: "The lane: urgent, high, normal, low or bulk (else the one it came from).")
  var priority: Priority?

  func run() throws { try jobs.move(from: [.failed], toLane: priority) }
}
