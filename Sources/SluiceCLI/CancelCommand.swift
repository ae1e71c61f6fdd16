import ArgumentParser
import JSON
import Spool

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Has the worker cancel jobs that wait or run.")

  @OptionGroup var options: SpoolOptions
  @OptionGroup var timeout: TimeoutOption

  @Argument(help: ArgumentHelp("Names or ids of jobs, or globs in quotes.", valueName: "name"))
  var names: [String]

  func run() throws {
    let spool = try options.open()
    guard try SpoolLock.holder(spool) != .nobody else {
      let names = names.joined(separator: " ")
      throw CommandFailure(
        .noWorker, "no worker runs for \(spool.root.path), so nothing is cancelled",
        hint: "park what waits with: sluice hold \(names)")
    }
    var failures: [CommandFailure] = []
    var targets: [JobName: String] = [:]
    var tickets: [ResultWaiter.Ticket] = []
    for name in names {
      let jobs = try jobs(name, SpoolInventory(spool: spool))
      if jobs.isEmpty {
        failures.append(
          CommandFailure(
            .notDone, "no job \(name) waits or runs",
            hint: "see what there is with: sluice list"))
      }
      for job in jobs {
        let submission = Submission(spool: spool, job: .unique("cancel"), lane: .control)
        let receipt = try submission.drop(Self.controlJob(job))
        targets[receipt.job] = job
        tickets.append(.init(receipt))
      }
    }
    try ResultWaiter(spool: spool, timeout: timeout.timeout).wait(for: tickets) { result in
      if options.json { Output.document(result.bytes) }
      if let failure = result.failure {
        failures.append(failure)
      } else if !options.json, let job = targets[result.job] {
        Output.line(job)
      }
    }
    for failure in failures.dropLast() { failure.report() }
    if let last = failures.last { throw last }
  }

  /// The jobs that a name stands for; it may also be an id, which only the worker knows.
  private func jobs(_ name: String, _ inventory: SpoolInventory) throws -> [String] {
    guard SpoolInventory.isGlob(name) else { return [name] }
    var found: [String] = []
    for place in SpoolInventory.pendingPlaces where place != .hold {
      for job in try inventory.jobs(matching: name, in: place).map(\.text)
      where !found.contains(job) { found.append(job) }
    }
    return found
  }

  private static func controlJob(_ job: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("control", "cancel")
    writer.field("job", job)
    writer.endObject()
    return writer.bytes
  }
}
