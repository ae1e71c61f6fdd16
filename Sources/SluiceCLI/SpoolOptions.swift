import ArgumentParser
import Spool

/// What every command that works on a spool takes.
struct SpoolOptions: ParsableArguments {
  @Option(help: "The spool's directory (else SLUICE_SPOOL, else ./spool).")
  var spool: String?

  @Option(help: "The configuration file.")
  var config: String?

  @Flag(help: "Answer in JSON.")
  var json = false

  /// The spool that was asked for: by the option, else by the environment.
  var named: String? { spool ?? Environment["SLUICE_SPOOL"] }

  /// Where the spool is.
  var path: String { named ?? "spool" }

  /// The spool, which must be there.
  func open() throws -> SpoolLayout {
    try SpoolLayout(path: path, missing: .refuse)
  }
}
