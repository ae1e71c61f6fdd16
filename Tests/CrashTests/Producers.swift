import Glibc
import Spool
import TestSupport

/// Programs and threads that drop the mixed load for as long as they are let, and write down what
/// they dropped.
///
/// Each waits while there is a backlog: the load lasts, no kill meets an idle worker, and no start has
/// more to put in order than the kill before it left.
struct Producers {
  static let backlogMax = 500

  private let directory: Directory
  private let scripts: [ChildProcess]
  private let threads: [ProducerThread]
  private static let stopName = "stop"

  /// - Parameter directory: where the programs and their notes are kept.
  init(on spool: TemporarySpool, beside directory: Directory, seed: UInt64) throws {
    self.directory = directory
    let stop = directory.path + "/" + Self.stopName
    scripts = try [
      ("python3", "python", ProducerScripts.python), ("sh", "shell", ProducerScripts.shell),
    ].map { program, name, text in
      try directory.replaceDurably(name, with: Array(text.utf8))
      let script = directory.path + "/" + name
      return try ChildProcess(
        program, [script, spool.path, script + ".manifest", stop, "\(Self.backlogMax)"])
    }
    threads = try (0..<2).map { try ProducerThread(spool, number: $0, seed: seed &+ UInt64($0)) }
  }

  /// Why one of them gave up; nil while all are at it.
  var failure: String? {
    for script in scripts where script.end != nil { return script.errors }
    return threads.lazy.compactMap(\.failure).first
  }

  struct Failure: Error {
    var errors: String
  }

  /// Stops them.
  /// - Returns: the names of the files that were dropped.
  func stop() throws -> [String] {
    try directory.replaceDurably(Self.stopName, with: [])
    var dropped = threads.flatMap { $0.stop() }
    for script in scripts where script.wait() != .exited(0) {
      throw Failure(errors: script.errors)
    }
    for name in ["python", "shell"] {
      let manifest = try directory.contents(name + ".manifest") ?? []
      dropped += String(decoding: manifest, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    return dropped
  }
}
