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

/// How long to wait for results.
struct TimeoutOption: ParsableArguments {
  @Option(help: "Seconds to wait at most (else as long as a worker runs); then exit code 75.")
  var timeout: Double?

  mutating func validate() throws {
    if let timeout, !(timeout >= 0) {
      throw ValidationError("--timeout takes seconds from 0 on, not \(timeout)")
    }
  }
}
