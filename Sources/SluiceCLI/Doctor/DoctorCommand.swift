import ArgumentParser
import JSON
import SluiceWorker
import Spool

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks at configuration, spool, databases and file system, and says what to mend.",
    discussion: "Exit code 1 if something has to be mended. Disturbs neither worker nor jobs.")

  @OptionGroup var options: SpoolOptions

  func run() throws {
    let findings = examine()
    if options.json {
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("ok", findings.areWell)
      writer.key("findings")
      findings.write(to: &writer)
      writer.endObject()
      Output.document(writer.bytes)
    } else {
      findings.show()
    }
    if !findings.areWell { throw ExitCode(CommandFailure.Status.notDone.rawValue) }
  }

  private func examine() -> [Finding] {
    var findings = LibraryCheck.findings()
    let loaded: LoadedSettings
    do throws(SettingsError) {
      loaded = try options.settings()
    } catch {
      let place = error.path.map { path in error.line.map { "\(path):\($0)" } ?? path }
      findings.append(
        .mend(
          "configuration", place ?? "flags and environment", error.what,
          advice: error.hint ?? "mend it"))
      return findings
    }
    let source = loaded.configPath ?? "no file"
    findings.append(.ok("configuration", source, "can be used"))
    for warning in loaded.warnings {
      findings.append(
        .note("configuration", "environment", warning, advice: "unset it, or mend its name"))
    }
    let settings = loaded.settings
    var worker: Int32?
    var known: Set<String> = []
    do {
      let spool = try SpoolLayout(path: settings.spool, missing: .refuse)
      if case .worker(let pid?) = try SpoolLock.holder(spool) { worker = pid }
      var place = PlaceCheck(directory: spool.tmp)
      place.settleSeconds = settings.settleSeconds
      place.rescanSeconds = settings.rescanSeconds
      known.insert(spool.root.path)
      findings += try SpoolCheck(spool: spool, settings: settings, worker: worker).findings()
      findings += place.look() + place.test()
    } catch {
      let failure = CommandFailure(error)
      findings.append(
        .mend(
          "spool", settings.spool, failure?.message ?? "\(error)",
          advice: failure?.hint ?? "see that the directory can be used"))
    }
    for database in settings.databases {
      var check = DatabaseCheck(
        database: database, settings: settings, worker: worker, known: known)
      findings += check.findings()
      known = check.known
    }
    return findings
  }
}
