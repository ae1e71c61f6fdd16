import ArgumentParser
import JSON
import Spool

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Has the worker cancel a job that waits or runs.")

  @OptionGroup var options: SpoolOptions
  @OptionGroup var timeout: TimeoutOption

  @Argument(help: "The job's name or id.")
  var job: String

  func run() throws {
    let spool = try options.open()
    let holder = try SpoolLock.holder(spool)
    guard holder != .nobody else {
      throw CommandFailure(
        .noWorker, "no worker runs for \(spool.root.path), so \(job) is not cancelled",
        hint: "park it with: sluice hold \(job)")
    }
    let submission = Submission(spool: spool, job: .unique("cancel"), lane: .control)
    let receipt = try submission.drop(controlJob())
    let waiter = ResultWaiter(spool: spool, timeout: timeout.timeout)
    var failure: CommandFailure?
    try waiter.wait(for: [.init(receipt)]) { result in
      if options.json { Output.document(result.bytes) }
      failure = result.failure
    }
    if let failure { throw failure }
    if !options.json { Output.line(job) }
  }

  private func controlJob() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("control", "cancel")
    writer.field("job", job)
    writer.endObject()
    return writer.bytes
  }
}
