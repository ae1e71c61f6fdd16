import ArgumentParser
import Glibc
import SluiceWorker

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Works on a spool's jobs until it is told to stop.",
    discussion: "SIGTERM and SIGINT end it in order, SIGHUP reads the configuration again.")

  @OptionGroup var options: SpoolOptions

  @Option(help: "The file of the database 'main'.")
  var database: String?

  @Flag(help: "Stop when nothing is left that can run: 0 if all jobs were done, else 1.")
  var once = false

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "A setting that overrides environment and file; may be given again.",
      valueName: "key=value"))
  var settings: [String] = []

  func run() throws {
    var overrides: [String: String] = [:]
    for setting in settings {
      let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw CommandFailure(
          .usage, "--set \(setting) has no value", hint: "write it as --set key=value")
      }
      overrides[String(parts[0])] = String(parts[1])
    }
    let status = SluiceWorker.runWorker(
      options: RunOptions(
        configPath: options.config, spool: options.spool, database: database, once: once,
        overrides: overrides))
    Glibc.exit(status)
  }
}
