import ArgumentParser
import Glibc
import JSON
import Spool

struct ProveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prove",
    abstract:
      "Kills a worker under load again and again, on this very disk, and counts the effects.",
    discussion: """
      Works in a scratch directory of its own, which it removes unless something failed; the spool \
      in use is not touched. Exit code 0 if every job took effect once, else 1.
      """)

  @OptionGroup var options: SpoolOptions

  @Option(help: "How long the worker is killed.")
  var seconds = 30.0

  @Argument(help: "A directory on the disk that is to be tried (else the one above the spool).")
  var directory: String?

  func validate() throws {
    guard seconds > 0, seconds <= 86_400 else {
      throw ValidationError("--seconds takes a number above 0, at most 86400")
    }
  }

  func run() throws {
    let scratch = try ProofScratch(in: directory ?? aboveSpool())
    ProofSignals.watch()
    let place = PlaceCheck(directory: scratch.spool.tmp)
    let findings = place.look() + place.test()
    if !options.json {
      findings.show()
      Output.line("")
    }
    var proof = Proof(scratch, seconds: seconds)
    let verdict: ProofVerdict
    do {
      verdict = try proof.run { gone, kills, jobs in progress(gone, kills, jobs) }
      endProgress()
    } catch {
      endProgress()
      Output.note("what there is stays in \(VisibleText.escaped(scratch.path))")
      throw error
    }
    if verdict.isProved { try scratch.remove() }
    if options.json {
      writeJSON(findings, verdict, kills: proof.kills, scratch: scratch.path)
    } else {
      show(verdict, kills: proof.kills, scratch: scratch.path)
    }
    if !verdict.isProved { throw ExitCode(CommandFailure.Status.notDone.rawValue) }
  }

  private func aboveSpool() throws -> String {
    let spool = try options.settings().settings.spool
    let parent = spool.split(separator: "/").dropLast().joined(separator: "/")
    return "/" + parent
  }

  private var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

  private func progress(_ gone: Double, _ kills: Int, _ jobs: Int) {
    guard showsProgress else { return }
    let time = "\(Int(gone)) s of \(Quantity.decimal(seconds))"
    Output.progress("\r\(time): \(kills) kills, \(jobs) jobs ")
  }

  private func endProgress() {
    if showsProgress { Output.progress("\r\u{1b}[K") }
  }

  private func show(_ verdict: ProofVerdict, kills: Int, scratch: String) {
    let terminal = Terminal.output
    func row(_ name: String, _ count: ProofVerdict.Count) -> [TableFormat.Cell] {
      [
        .init(name), .init(count.jobs), .init(count.lost), .init(count.doubled),
        .init(count.givenUp),
      ]
    }
    var rows = ProofLoad.allCases.map { row($0.rawValue, verdict.counts[$0] ?? .init()) }
    rows.append(row("all", verdict.total))
    TableFormat(columns: ["load", "jobs", "lost", "doubled", "given up"], rows: rows).show()
    Output.line("")
    for anomaly in verdict.anomalies {
      Output.line(terminal.red("anomaly:") + " " + VisibleText.escaped(anomaly))
    }
    let end = "\(kills) kills, \(verdict.anomalyCount) anomalies"
    if verdict.isProved {
      Output.line(terminal.green("proved:") + " \(end); every job took effect exactly once")
    } else {
      Output.line(
        terminal.red("failed:") + " \(end); what there is stays in \(VisibleText.escaped(scratch))")
    }
  }

  private func writeJSON(
    _ findings: [Finding], _ verdict: ProofVerdict, kills: Int, scratch: String
  ) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", verdict.isProved)
    writer.field("kills", kills)
    Self.write(verdict.total, to: &writer)
    writer.field("anomalies", verdict.anomalyCount)
    writer.key("messages")
    writer.beginArray()
    for anomaly in verdict.anomalies { writer.string(anomaly) }
    writer.endArray()
    writer.key("loads")
    writer.beginObject()
    for load in ProofLoad.allCases {
      writer.key(load.rawValue)
      writer.beginObject()
      Self.write(verdict.counts[load] ?? .init(), to: &writer)
      writer.endObject()
    }
    writer.endObject()
    writer.key("place")
    findings.write(to: &writer)
    writer.field("scratch", verdict.isProved ? nil : scratch)
    writer.endObject()
    Output.document(writer.bytes)
  }

  private static func write(_ count: ProofVerdict.Count, to writer: inout JSONWriter) {
    writer.field("jobs", count.jobs)
    writer.field("lost", count.lost)
    writer.field("doubled", count.doubled)
    writer.field("given_up", count.givenUp)
  }
}
