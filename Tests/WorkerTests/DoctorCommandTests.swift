import Glibc
import JSON
import SQLite
import SluiceWorker
import Spool
import TestSupport
import Testing

@testable import SluiceCLI

@Suite("sluice doctor") struct DoctorCommandTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private struct Answer {
    let status: Int32
    let root: JSONNode

    /// The findings of a check that are in that state.
    func findings(_ check: String, _ state: String) -> [JSONNode] {
      (root["findings"]?.array ?? []).filter {
        $0["check"]?.string == check && $0["state"]?.string == state
      }
    }
  }

  private func doctor(_ arguments: String...) throws -> Answer {
    let run = try SluiceProcess.run(
      ["doctor", "--json", "--spool", spool.path, "--config", configuration()] + arguments)
    return Answer(status: run.status, root: try JSONReader.parse(Array(run.output.utf8)))
  }

  private func configuration(_ text: String = "# The defaults.\n") throws -> String {
    let directory = try Directory(path: spool.path)
    if try directory.status("sluice.toml") == nil {
      try directory.create("sluice.toml").write(Array(text.utf8))
    }
    return spool.path + "/sluice.toml"
  }

  @Test("finds nothing to mend on a new spool, and says what this place can do")
  func well() throws {
    let answer = try doctor()
    #expect(answer.status == 0)
    #expect(answer.root["ok"]?.bool == true)
    for check in ["rename", "permissions", "configuration", "open files"] {
      #expect(!answer.findings(check, "ok").isEmpty, "\(check)")
    }
    for check in ["leases", "inotify", "clock", "fsync", "file system", "disk"] {
      #expect(!(answer.findings(check, "ok") + answer.findings(check, "note")).isEmpty, "\(check)")
    }
    #expect(spool.names(spool.layout.tmp, hidden: true).isEmpty)
    let table = try SluiceProcess.run(["doctor", "--spool", spool.path])
    #expect(table.output.contains("replaces a file at once"))
  }

  @Test("says how to make a spool that is not there")
  func missing() throws {
    let run = try SluiceProcess.run(["doctor", "--spool", spool.path + "/none"])
    #expect(run.status == 1)
    #expect(run.output.contains("mend spool: make it with: sluice init \(spool.path)/none"))
  }

  @Test("names file and line of a wrong setting")
  func configurationError() throws {
    let path = try configuration("umask = 0o027\npool_size = 0\n")
    let answer = try doctor()
    #expect(answer.status == 1)
    #expect(answer.findings("configuration", "mend").first?["where"]?.string == path + ":2")
  }

  @Test("names the worker, and tells that it still has a database that was replaced")
  func replaced() throws {
    let worker = try WorkerProcess.started(on: spool)
    defer { worker.stop() }
    try spool.drop("t.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    _ = try spool.awaitedResult("t.json")
    #expect(try doctor().findings("database", "ok").count == 1)
    let life = try doctor().findings("worker", "ok").first?["finding"]?.string
    #expect(life?.contains("pid \(worker.child.pid)") == true)
    #expect(try SQLProcessFile.make(spool.path + "/new.db"))
    #expect(rename(spool.path + "/new.db", spool.path + "/main.db") == 0)
    let answer = try doctor()
    #expect(answer.status == 1)
    let text = answer.findings("database", "mend").compactMap { $0["finding"]?.string }
    #expect(text.contains { $0.contains("replaced: process \(worker.child.pid)") })
  }

  @Test("names who else has the database open, and who keeps its write lock")
  func others() throws {
    let other = try Connection(path: spool.path + "/main.db", role: .writer)
    try other.execute("CREATE TABLE t(x)")
    let open = try doctor().findings("other users", "note").first?["finding"]?.string
    #expect(open?.contains("process \(getpid())") == true)
    try other.execute("BEGIN IMMEDIATE")
    let locked = try doctor().findings("other users", "note").first?["finding"]?.string
    #expect(locked?.hasSuffix("holds the write lock") == true)
  }

  @Test("tells a file that is no database, and one that is not in WAL mode")
  func databaseFile() throws {
    let root = try Directory(path: spool.path)
    try root.create("main.db").write(Array("no database, but some text\n".utf8))
    #expect(try doctor().findings("database", "mend").count == 1)
    try root.unlink("main.db")
    #expect(try SQLProcessFile.make(spool.path + "/main.db"))
    let text = try doctor().findings("database", "note").first?["finding"]?.string
    #expect(text?.contains("not in WAL mode") == true)
  }

  @Test("finds that every user may command the worker")
  func openControl() throws {
    #expect(chmod(spool.layout.incoming(.control).path, 0o777) == 0)
    let answer = try doctor()
    #expect(answer.status == 1)
    let advice = answer.findings("permissions", "mend").first?["advice"]?.string
    #expect(advice == "chmod o-w \(spool.path)/incoming/control")
  }

  @Test(
    "knows which releases of SQLite can lose commits at a checkpoint",
    arguments: [
      (SQLiteVersion(3, 6, 23), false), (SQLiteVersion(3, 7, 0), true),
      (SQLiteVersion(3, 40, 1), true), (SQLiteVersion(3, 44, 5), true),
      (SQLiteVersion(3, 44, 6), false), (SQLiteVersion(3, 45, 0), true),
      (SQLiteVersion(3, 50, 6), true), (SQLiteVersion(3, 50, 7), false),
      (SQLiteVersion(3, 51, 0), true), (SQLiteVersion(3, 51, 2), true),
      (SQLiteVersion(3, 51, 3), false),
    ])
  func library(version: SQLiteVersion, isFaulty: Bool) {
    #expect(LibraryCheck.findings(version: version).first?.state == (isFaulty ? .note : .ok))
  }
}

/// A database as a program makes one that knows nothing of WAL mode.
private enum SQLProcessFile {
  static func make(_ path: String) throws -> Bool {
    let child = try ChildProcess("sqlite3", [path, "CREATE TABLE t(x)"])
    return child.wait() == .exited(0)
  }
}
