import ArgumentParser
import JSON
import SQLite
import Spool

struct ExecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Runs SQL as a job, waits, and prints what it returns.",
    discussion: """
      Each PARAM is for one '?' and is read as the SQL literal that it looks like: NULL; 42; 1.5; \
      'text'; x'00ff'. Anything else is text as it stands, also 007, +49 30 1234 and digits beyond \
      64 bits. Quotes make text of a number: "'42'". What begins with '-' and is no number goes \
      behind '--'.
      """)

  @OptionGroup var options: SpoolOptions
  @OptionGroup var priority: PriorityOption
  @OptionGroup var timeout: TimeoutOption

  @Flag(help: "Print the rows as CSV: NULL empty, an empty string \"\", blobs in base64.")
  var csv = false

  @Option(help: "The database's name in the configuration.")
  var database: String?

  @Argument(help: "One statement; several, separated by ';', if there is no PARAM.")
  var sql: String

  @Argument(help: ArgumentHelp("Values for the placeholders, in order.", valueName: "param"))
  var parameters: [String] = []

  mutating func validate() throws {
    if csv, options.json { throw ValidationError("--csv and --json exclude each other") }
  }

  func run() throws {
    let spool = try options.open()
    let submission = Submission(spool: spool, job: .unique("exec"), lane: priority.lane)
    let receipt = try submission.drop(jobText())
    let waiter = ResultWaiter(spool: spool, timeout: timeout.timeout)
    var failure: CommandFailure?
    try waiter.wait(for: [.init(receipt)]) { result in
      show(result)
      failure = result.failure
    }
    if let failure { throw failure }
  }

  private func jobText() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("database", database)
    writer.field("sql", sql)
    if !parameters.isEmpty {
      writer.key("params")
      writer.beginArray()
      for parameter in parameters { writer.value(SQLLiteral.value(parameter)) }
      writer.endArray()
    }
    writer.endObject()
    return writer.bytes
  }

  private func show(_ result: JobResult) {
    if options.json { return Output.document(result.bytes) }
    var isFirst = true
    for statement in result.statements {
      guard csv || statement.hasSomethingToShow else { continue }
      if csv {
        guard let text = statement.csv else { continue }
        if !isFirst { Output.line("") }
        Output.document(text)
      } else {
        if !isFirst { Output.line("") }
        statement.show()
      }
      isFirst = false
    }
  }
}

extension JSONWriter {
  /// A value as jobs have it.
  fileprivate mutating func value(_ value: Value) {
    switch value {
    case .null: null()
    case .integer(let integer): self.integer(integer)
    case .real(let real): self.real(real)
    case .text(let text): string(text)
    case .blob(let blob): self.blob(blob)
    }
  }
}
