import ArgumentParser
import JSON
import Spool

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Makes a spool, or what is missing of one.")

  @OptionGroup var options: SpoolOptions

  @Argument(help: "The spool's directory, else the one in force; the one above it must be there.")
  var directory: String?

  func run() throws {
    let spool = try SpoolLayout(
      path: directory ?? options.settings().settings.spool, missing: .makeAll)
    _ = try SpoolIdentity.ofSpool(spool)
    guard options.json else { return Output.line(spool.root.path) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("spool", spool.root.path)
    writer.endObject()
    Output.document(writer.bytes)
  }
}
