import ArgumentParser
import Glibc

/// The `sluice` command: parses, runs one subcommand, and turns what it throws into one line and
/// an exit code.
@main
struct SluiceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "Runs SQL jobs that are dropped as files into a spool directory.",
    discussion: """
      Exit codes: 0; 1 the job was not done; 64 usage; 65 bad data; 69 no worker; 75 timed out.
      """,
    subcommands: [
      RunCommand.self, InitCommand.self, SubmitCommand.self, ExecCommand.self, WaitCommand.self,
      StatusCommand.self, TopCommand.self, ListCommand.self, ShowCommand.self, CancelCommand.self,
      HoldCommand.self, ReleaseCommand.self, RetryCommand.self, CheckCommand.self,
      ConfigCommand.self, DoctorCommand.self, ProveCommand.self,
    ])

  static func main() {
    let arguments = CommandLine.arguments.dropFirst().map(SQLLiteral.shielded)
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      guard let failure = CommandFailure(error) else { exit(withError: error) }
      failure.report()
      Glibc.exit(failure.status.rawValue)
    }
  }
}
