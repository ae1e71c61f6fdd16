import ArgumentParser
import JSON
import Spool

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Shows a job's result, or where the job is while it has none.")

  @OptionGroup var options: SpoolOptions

  @Argument(help: "The job's name.")
  var name: String

  func run() throws {
    let spool = try options.open()
    let job = try JobName.argument(name)
    if let result = try JobResult(of: job, in: spool) {
      return options.json ? Output.document(result.bytes) : show(result)
    }
    guard let sighting = try SpoolInventory(spool: spool).sightings(of: job).first else {
      throw CommandFailure(
        .notDone, "\(job.text) has no result in \(spool.results.path) and is not on its way",
        hint: "see what there is with: sluice list --all")
    }
    try show(sighting, in: spool)
  }

  // MARK: A result

  private func show(_ result: JobResult) {
    let members = (result.root.object ?? []).filter { $0.key != "statements" }
    showFields(members.map { ($0.key, text(of: $0, in: result)) })
    for statement in result.statements where statement.hasSomethingToShow {
      Output.line("")
      statement.show()
    }
  }

  private func text(of member: JSONMember, in result: JobResult) -> String {
    let text = member.node.string ?? result.source(of: member.node)
    guard member.key == "status" else { return VisibleText.escaped(text) }
    return result.isDone ? Terminal.output.green(text) : Terminal.output.red(text)
  }

  private func showFields(_ fields: [(name: String, text: String)]) {
    let width = fields.reduce(0) { max($0, $1.name.count) }
    for field in fields {
      let padding = String(repeating: " ", count: width - field.name.count)
      Output.line(Terminal.output.bold(field.name) + padding + "  " + field.text)
    }
  }

  // MARK: A job without a result

  private func show(
    _ sighting: SpoolInventory.Sighting, in spool: SpoolLayout
  ) throws {
    let meta = try meta(of: sighting, in: spool)
    let reasons = try WaitReasons(of: sighting, in: spool).words
    if options.json {
      var writer = JSONWriter()
      writer.beginObject()
      sighting.write(to: &writer)
      if !reasons.isEmpty {
        writer.key("waits_for")
        writer.beginArray()
        for reason in reasons { writer.string(reason) }
        writer.endArray()
      }
      if let meta {
        writer.key("meta")
        writer.raw(meta)
      }
      writer.endObject()
      return Output.document(writer.bytes)
    }
    var fields = [
      ("job", sighting.job.text), ("state", sighting.place.state),
      ("file", sighting.place.path + "/" + sighting.file),
      ("since", sighting.time.rfc3339), ("size", String(sighting.size)),
    ]
    if !reasons.isEmpty {
      fields.append(("waits for", VisibleText.escaped(reasons.joined(separator: ", "))))
    }
    if let meta {
      fields.append(("meta", VisibleText.escaped(String(decoding: meta, as: UTF8.self))))
    }
    showFields(fields)
  }

  /// The producer's own words, as they are written; nil without, and where the file is no JSON.
  private func meta(
    of sighting: SpoolInventory.Sighting, in spool: SpoolLayout
  ) throws -> [UInt8]? {
    // The largest file that is still one JSON job, by default.
    let sizeMax = 16 << 20
    guard sighting.job.kind == .json, sighting.size <= sizeMax else { return nil }
    let directory = SpoolInventory(spool: spool).directory(sighting.place)
    let bytes = try directory.contents(sighting.file)
    guard let bytes, let root = try? JSONReader.parse(bytes, verbatim: ["meta"]),
      let meta = root["meta"]
    else { return nil }
    return Array(bytes[meta.range])
  }
}

extension SpoolInventory.Sighting {
  /// Its members, within an object.
  func write(to writer: inout JSONWriter) {
    writer.field("job", job.text)
    writer.field("state", place.state)
    writer.field("file", place.path + "/" + file)
    // `incoming/` itself is none.
    writer.field("lane", lane == .root ? nil : lane?.rawValue)
    writer.field("since", time.rfc3339)
    writer.field("size", size)
  }
}
