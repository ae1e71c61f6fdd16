import ArgumentParser
import Glibc
import JSON
import Spool

struct SubmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Drops a job into the spool, safe from a power failure, and prints its name.")

  @OptionGroup var options: SpoolOptions
  @OptionGroup var priority: PriorityOption
  @OptionGroup var timeout: TimeoutOption

  @Flag(help: "Wait for the result and print it: exit code 1 if the job was not done.")
  var wait = false

  @Option(help: "The job's name (else the file's; else a new one).")
  var name: String?

  @Argument(help: "The job's file, or - for a JSON job from standard input.")
  var file: String

  func run() throws {
    let job = try jobName()
    let spool = try options.open()
    let source = try JobSource(path: file)
    let submission = Submission(spool: spool, job: job, lane: priority.lane)
    let receipt = try submission.drop { target in
      try source.copy(into: target)
    }
    guard wait else { return print(job) }
    let waiter = ResultWaiter(spool: spool, timeout: timeout.timeout)
    var failure: CommandFailure?
    try waiter.wait(for: [.init(receipt)]) { result in
      Output.document(result.bytes)
      failure = result.failure
    }
    if let failure { throw failure }
  }

  private func jobName() throws -> JobName {
    if name == nil, file == "-" { return .unique("job") }
    let text = name ?? JobSource.basename(file)
    let job = try JobName.argument(text)
    guard job.kind != .foreign else {
      throw CommandFailure(
        .badData, "\(text) is a name that Sluice gives to files with bad names",
        hint: "name the job with --name")
    }
    return job
  }

  private func print(_ job: JobName) {
    guard options.json else { return Output.line(job.text) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("job", job.text)
    writer.endObject()
    Output.document(writer.bytes)
  }
}
