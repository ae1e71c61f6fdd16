import ArgumentParser
import JSON
import Spool

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Makes a spool, or what is missing of one.")

  @Argument(help: "The spool's directory; the one above it must be there.")
  var directory: String

  @Option(help: "The configuration file.")
  var config: String?

  @Flag(help: "Answer in JSON.")
  var json = false

  func run() throws {
    let spool = try SpoolLayout(path: directory, missing: .makeAll)
    _ = try SpoolIdentity.ofSpool(spool)
    guard json else { return Output.line(spool.root.path) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("spool", spool.root.path)
    writer.endObject()
    Output.document(writer.bytes)
  }
}
