import ArgumentParser
import JSON
import Sluice
import Spool

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Says whether a file would be taken as a job, without running it.",
    discussion: """
      Its name, its size, its JSON and its fields are checked, of a .jsonl each line, of a script \
      the header and where its statements end, by the limits and databases of the configuration. \
      SQL is not: only the database knows its tables.
      """)

  @OptionGroup var options: SpoolOptions

  @Option(help: "The job's name (else the file's; for standard input job.json).")
  var name: String?

  @Argument(help: "The job's file, or - for standard input.")
  var file: String

  func run() throws {
    let basename = file == "-" ? "job.json" : JobSource.basename(file)
    let job = try JobName.argument(name ?? basename)
    var check = JobCheck(try options.settings())
    try check.read(JobSource(path: file), as: job)
    if options.json { writeJSON(check) } else { show(check) }
    if !check.faults.isEmpty { throw ExitCode(CommandFailure.Status.badData.rawValue) }
  }

  private func show(_ check: JobCheck) {
    for fault in check.faults {
      let hint = fault.hint.map { "; \($0)" } ?? ""
      let line = fault.line.map { ", line \($0)" } ?? ""
      let pointer = fault.pointer.map { $0.isEmpty ? "" : ", at \($0)" } ?? ""
      CommandFailure(.badData, "\(file)\(line)\(pointer): \(fault.message)\(hint)").report()
    }
    let left = check.faultCount - check.faults.count
    if left > 0 { Output.note("(and \(left) more)") }
    if check.faults.isEmpty { Output.line("\(file) \(Terminal.output.green("is good"))") }
  }

  private func writeJSON(_ check: JobCheck) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("file", file)
    writer.field("valid", check.faults.isEmpty)
    writer.field("jobs", check.jobs)
    writer.field("faults", check.faultCount)
    writer.key("errors")
    writer.beginArray()
    for fault in check.faults { writer.value(fault) }
    writer.endArray()
    writer.endObject()
    Output.document(writer.bytes)
  }
}

extension JSONWriter {
  fileprivate mutating func value(_ fault: JobError) {
    beginObject()
    field("code", fault.code)
    field("message", fault.message)
    field("line", fault.line)
    field("column", fault.column)
    field("pointer", fault.pointer)
    field("hint", fault.hint)
    endObject()
  }
}
