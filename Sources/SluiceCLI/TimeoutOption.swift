import ArgumentParser

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
