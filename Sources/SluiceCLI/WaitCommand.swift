import ArgumentParser
import Spool

struct WaitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Waits until jobs have ended, and says how.",
    discussion: """
      A name means its latest job: one that is on its way, else the one that has a result. A job \
      that is not there yet is waited for. Exit code 1 if one was not done.
      """)

  @OptionGroup var options: SpoolOptions
  @OptionGroup var timeout: TimeoutOption

  @Argument(help: ArgumentHelp("Names of jobs.", valueName: "name"))
  var names: [String]

  func run() throws {
    let spool = try options.open()
    let jobs = try names.map(JobName.argument)
    let tickets = try jobs.map { try ResultWaiter.Ticket(latest: $0, in: spool) }
    var allDone = true
    try ResultWaiter(spool: spool, timeout: timeout.timeout).wait(for: tickets) { result in
      if options.json { Output.document(result.bytes) } else { Output.line(result.summary) }
      allDone = allDone && result.isDone
    }
    if !allDone { throw ExitCode(CommandFailure.Status.notDone.rawValue) }
  }
}

extension JobResult {
  /// One line: the name, what became of it, and why.
  var summary: String {
    let terminal = Terminal.output
    guard let failure else { return "\(job.text) \(terminal.green(status))" }
    let reason = failure.message.dropFirst("\(job.text) \(status)".count)
    let hint = failure.hint.map { "; \($0)" } ?? ""
    return "\(job.text) \(terminal.red(status))" + VisibleText.escaped(reason + hint)
  }
}
