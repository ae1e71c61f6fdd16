import Glibc
import Spool
import TestSupport
import Testing

/// Which files the worker takes, from outside: real files, real names.
@Suite("What is a job") struct ClaimRuleTests {
  private static let job = #"{"sql":"SELECT 1"}"#

  @Test("a file that is still being written is not taken before it is closed")
  func openFile() throws {
    let spool = try TemporarySpool()
    let worker = try WorkerProcess.started(on: spool)
    let incoming = spool.layout.incoming(.root)
    let half = Array(#"{"sql":"#.utf8)
    let rest = Array(#""SELECT 1"}"#.utf8)
    do {
      let file = try incoming.create("open.json")
      try file.write(half)
      // Those that came later are done while it waits.
      for name in ["a.json", "b.json", "c.json"] {
        try spool.drop(name)
        #expect(try spool.awaitedResult(name).status == "done")
      }
      #expect(spool.names(incoming).contains("open.json"))
      #expect(spool.activeJobs.allSatisfy { $0.job.text != "open.json" })
      try file.write(rest)
    }
    #expect(try spool.awaitedResult("open.json").status == "done")
    #expect(worker.stop() == .exited(0))
  }

  @Test("a plain cp into a lane is a job like any other")
  func plainCopy() throws {
    let spool = try TemporarySpool()
    try spool.layout.data.replaceDurably("source", with: Array(Self.job.utf8))
    let worker = try WorkerProcess.started(on: spool)
    let copy = try ChildProcess(
      "cp", [spool.path + "/data/source", spool.path + "/incoming/high/copied.json"])
    #expect(copy.wait() == .exited(0))
    #expect(try spool.awaitedResult("copied.json")["priority"]?.string == "high")
    #expect(worker.stop() == .exited(0))
  }

  @Test("what is no plain file with one link is rejected unopened and put aside")
  func specialFiles() throws {
    let spool = try TemporarySpool()
    let incoming = spool.path + "/incoming"
    try spool.layout.data.replaceDurably("target", with: Array(Self.job.utf8))
    #expect(symlink(spool.path + "/data/target", incoming + "/symlink.json") == 0)
    #expect(symlink("nowhere", incoming + "/dangling.json") == 0)
    #expect(mkfifo(incoming + "/fifo.json", 0o600) == 0)
    #expect(link(spool.path + "/data/target", incoming + "/linked.json") == 0)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    for name in ["symlink.json", "dangling.json", "fifo.json", "linked.json"] {
      let result = try spool.awaitedResult(name)
      #expect(result.status == "rejected", "\(name)")
      #expect(result.errorCode == "SLUICE_BAD_FILE", "\(name)")
    }
    #expect(
      spool.names(spool.layout.failed)
        == ["dangling.json", "fifo.json", "linked.json", "symlink.json"])
    #expect(spool.incomingFiles.isEmpty && spool.activeJobs.isEmpty)
    #expect(try spool.text(spool.layout.data, "target") == Self.job)
  }

  @Test("publishing by link and unlink is fair, if the second name is gone within a second")
  func linkAndUnlink() throws {
    let spool = try TemporarySpool()
    let worker = try WorkerProcess.started(on: spool)
    let scratch = spool.path + "/tmp/scratch"
    try spool.layout.tmp.replaceDurably("scratch", with: Array(Self.job.utf8))
    #expect(link(scratch, spool.path + "/incoming/x.json") == 0)
    unlink(scratch)
    #expect(try spool.awaitedResult("x.json").status == "done")
    #expect(worker.stop() == .exited(0))
  }

  @Test(
    "a file that cannot be a job has its code, and its result under a name that says which it was",
    arguments: [
      ("empty.json", "", "SLUICE_BAD_JSON", "empty.json"),
      ("empty.sql", "", "SLUICE_BAD_FILE", "empty.sql.json"),
      ("two.sql.json", "{}", "SLUICE_BAD_NAME", nil),
      ("my job.json", "{}", "SLUICE_BAD_NAME", "my%20job.json~"),
      ("-x.json", "{}", "SLUICE_BAD_NAME", "%2Dx.json~"),
      ("notes.txt", "{}", "SLUICE_BAD_NAME", "notes.txt~"),
      ("cut.json", #"{"sql":"SELECT 1""#, "SLUICE_BAD_JSON", "cut.json"),
      ("unknown.json", #"{"sql":"SELECT 1","sqll":2}"#, "SLUICE_BAD_JOB", "unknown.json"),
      (
        "database.json", #"{"sql":"SELECT 1","database":"no"}"#, "SLUICE_NO_DATABASE",
        "database.json"
      ),
    ] as [(String, String, String, String?)])
  func badFiles(name: String, content: String, code: String, result: String?) throws {
    let spool = try TemporarySpool()
    try spool.drop(name, content)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    let standing = spool.names(spool.layout.results)
    try #require(standing.count == 1)
    if let result { #expect(standing[0].hasPrefix(result)) }
    let document = try #require(try spool.parsedResult(standing[0]))
    #expect(document.status == "rejected")
    #expect(document.errorCode == code)
    let failed = spool.names(spool.layout.failed)
    #expect(failed == [document["job"]?.string])
    #expect(try spool.text(spool.layout.failed, failed[0]) == content)
    #expect(spool.incomingFiles.isEmpty && spool.activeJobs.isEmpty)
  }

  @Test("a .json beyond 16 MiB is rejected unread")
  func tooLarge() throws {
    let spool = try TemporarySpool()
    let file = try spool.layout.tmp.create("large")
    #expect(truncate(spool.path + "/tmp/large", 16 << 20 | 1) == 0)
    _ = consume file
    try spool.layout.tmp.rename("large", to: spool.layout.incoming(.root), "large.json")
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.awaitedResult("large.json").errorCode == "SLUICE_TOO_LARGE")
    #expect(spool.names(spool.layout.failed) == ["large.json"])
  }

  @Test("scratch files, directories and what is in hold/ are left alone")
  func leftAlone() throws {
    let spool = try TemporarySpool()
    let incoming = spool.layout.incoming(.root)
    let scratch = [".hidden.json", "x.json.tmp", "x.json~", "x.part", "x.swp"]
    for name in scratch { try spool.write(name, Self.job) }
    try incoming.makeDirectory("folder.json")
    try spool.layout.hold.replaceDurably("parked.json", with: Array(Self.job.utf8))
    try spool.drop("job.json")
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(spool.names(spool.layout.results, hidden: true) == ["job.json"])
    #expect(spool.incomingFiles.sorted() == (scratch + ["folder.json"]).sorted())
    #expect(spool.names(spool.layout.hold) == ["parked.json"])
    try spool.layout.hold.rename("parked.json", to: incoming, "parked.json")
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(try spool.parsedResult("parked.json")?.status == "done")
  }

  @Test("a job in control/ that commands nothing is forbidden")
  func controlDirectory() throws {
    let spool = try TemporarySpool()
    try spool.drop("x.json", Self.job, lane: .control)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.parsedResult("x.json")?.status == "rejected")
    #expect(try spool.parsedResult("x.json")?.errorCode == "SLUICE_FORBIDDEN")
  }
}
