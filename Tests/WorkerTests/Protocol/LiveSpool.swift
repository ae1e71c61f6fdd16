import Foundation
import Glibc
import JSON
import Spool
import TestSupport
import Testing

/// A spool with a worker at work on it for the length of a test, and what its users do.
final class LiveSpool {
  let spool: TemporarySpool
  let worker: WorkerProcess

  init(_ arguments: [String] = []) throws {
    spool = try TemporarySpool()
    worker = try WorkerProcess.started(on: spool, arguments)
  }

  /// Drops a job and waits for its result; an older one of the name is taken away before.
  @discardableResult
  func run(_ name: String, _ text: String, lane: IncomingLane = .root) throws -> JSONNode {
    let result = name.hasSuffix(".json") ? name : name + ".json"
    _ = try? spool.layout.results.unlink(result)
    try spool.drop(name, text, lane: lane)
    return try spool.awaitedResult(result, within: 60)
  }

  /// Runs SQL that has to work.
  func make(_ sql: String) throws {
    let result = try run("make.sql", sql)
    try #require(result.status == "done", "\(sql): \(result.code ?? "")")
  }

  /// The results of a batch's lines.
  func lines(_ name: String) throws -> [JSONNode] {
    try (spool.result(name) ?? "").split(separator: "\n").map {
      try JSONReader.parse(Array($0.utf8))
    }
  }

  /// What is left of a job that was not done.
  func left(_ name: String) throws -> String? { try spool.text(spool.layout.failed, name) }

  func rows(_ sql: String) throws -> [String] { try spool.lines(sql) }

  func stop() { worker.stop() }
}

/// The sqlite3 shell, as users make and read dumps with it.
enum SQLiteShell {
  static let path = "/usr/bin/sqlite3"
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

  /// What it prints for some commands.
  static func run(_ database: String, _ commands: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-bail", database] + commands
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(commands)")
    return String(decoding: text, as: UTF8.self)
  }
}
