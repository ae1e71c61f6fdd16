import Glibc
import Spool
import TestSupport
import Testing

@Suite("A worker that cannot work") struct StartTests {
  private func expectOneLine(
    _ child: ChildProcess, exit: Int32, _ parts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(child.wait(within: 20) == .exited(exit), sourceLocation: sourceLocation)
    let errors = child.errors
    #expect(
      errors.split(separator: "\n").count == 1, "\(errors)", sourceLocation: sourceLocation)
    for part in parts {
      #expect(errors.contains(part), "\(errors)", sourceLocation: sourceLocation)
    }
  }

  @Test("a spool that is not there is named, with what makes one")
  func missing() throws {
    let child = try ChildProcess(
      WorkerProcess.executable, ["run", "--once", "--spool", "/nonexistent/spool"])
    expectOneLine(child, exit: 64, "there is no spool at /nonexistent/spool", "sluice init")
  }

  @Test("a file in the spool's place is no spool")
  func notADirectory() throws {
    let spool = try TemporarySpool()
    try spool.layout.data.replaceDurably("file", with: [])
    let child = try ChildProcess(
      WorkerProcess.executable, ["run", "--once", "--spool", spool.path + "/data/file"])
    expectOneLine(child, exit: 64, "is not a directory")
  }

  @Test("a database that is none is named and left as it was")
  func notADatabase() throws {
    let spool = try TemporarySpool()
    let text = String(repeating: "this is no database ", count: 100)
    try spool.layout.root.replaceDurably("main.db", with: Array(text.utf8))
    let child = try WorkerProcess(spool, ["--once"]).child
    expectOneLine(child, exit: 65, "main.db", "SQLITE_NOTADB")
    #expect(try spool.text(spool.layout.root, "main.db") == text)
  }

  @Test("a database in a directory that is not there is named")
  func noDirectory() throws {
    let spool = try TemporarySpool()
    let child = try ChildProcess(
      WorkerProcess.executable,
      ["run", "--once", "--spool", spool.path, "--database", "/nonexistent/main.db"])
    expectOneLine(child, exit: 1, "/nonexistent/main.db", "SQLITE_CANTOPEN")
  }

  @Test("a spool on a read-only file system is refused before anything is touched")
  func readOnly() throws {
    let spool = try TemporarySpool()
    try spool.drop("x.json")
    // A mount of its own in a namespace of its own; where that is not allowed there is no test.
    let mount = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\""
    let probe = try ChildProcess("unshare", ["-rm", "sh", "-c", mount, "sh", spool.path])
    guard probe.wait() == .exited(0) else { return }
    let run = mount + " && exec \"$2\" run --once --spool \"$1\" --database /nonexistent/main.db"
    let child = try ChildProcess(
      "unshare", ["-rm", "sh", "-c", run, "sh", spool.path, WorkerProcess.executable])
    expectOneLine(child, exit: 1, "read-only")
    #expect(spool.incomingFiles == ["x.json"])
  }
}
