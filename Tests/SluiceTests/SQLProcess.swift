import Foundation
import Testing

/// A Python process that runs one SQL statement per line on a connection of its own.
final class SQLProcess {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  private static let program = """
    import sqlite3, sys
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    for line in sys.stdin:
      db.execute(line).fetchall()
      print("done", flush=True)
    """

  init(database: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", Self.program, database]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  deinit {
    if process.isRunning { process.terminate() }
  }

  var pid: Int32 { process.processIdentifier }

  /// Returns once the statement has run.
  func run(_ sql: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((sql + "\n").utf8))
    let answer = try #require(try output.fileHandleForReading.read(upToCount: 5))
    try #require(answer == Data("done\n".utf8), "no answer to \(sql)")
  }

  func end() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
