import Glibc
import Sluice
import TestSupport
import Testing

@testable import Spool

@Suite("Publishing results")
struct ResultWriterTests {
  private let spool: TemporarySpool
  private let writer: ResultWriter

  init() throws {
    spool = try TemporarySpool()
    writer = ResultWriter(spool.layout)
  }

  private func claimed(_ name: String = "x.json", _ content: String = "{}") throws -> ClaimedName {
    let job = try #require(JobName(name))
    let claimed = ClaimedName(
      sequence: 17, arrival: Timestamp(nanoseconds: 1), lane: .normal, job: job)
    try spool.layout.active.create(claimed.text).write(Array(content.utf8))
    return claimed
  }

  @Test("a result appears whole, for its group to read, and replaces an older one")
  func publish() throws {
    try writer.publish("x.json", Array("old".utf8))
    try writer.publish("x.json", Array("{}".utf8))
    #expect(try spool.result("x.json") == "{}")
    var status = stat()
    #expect(stat(spool.path + "/results/x.json", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o640)
    #expect(spool.names(spool.layout.results, hidden: true) == ["x.json"])
  }

  @Test("a streamed result is not seen until it is complete, and never if it is given up")
  func streamed() throws {
    do {
      var scratch = try writer.begin("x.jsonl")
      try scratch.write(Array("1\n".utf8))
      #expect(spool.names(spool.layout.results).isEmpty)
      try scratch.write(Array("2\n".utf8))
      try scratch.publish()
      let abandoned = try writer.begin("y.jsonl")
      try abandoned.write([1])
    }
    #expect(spool.names(spool.layout.results, hidden: true) == ["x.jsonl"])
    #expect(try spool.result("x.jsonl") == "1\n2\n")
  }

  @Test("what a killed worker was writing is removed, with all that SQLite keeps beside a copy")
  func scratch() throws {
    let left = [".x.json.tmp", ".c.db.tmp", ".c.db.tmp-wal", ".c.db.tmp-shm", ".c.db.tmp-journal"]
    let kept = ["c.db", "x.json", ".c.db-wal"]
    for name in left + kept { _ = try spool.layout.results.create(name) }
    _ = try ResultWriter(spool.layout).removeScratch()
    #expect(spool.names(spool.layout.results, hidden: true) == kept.sorted())
  }

  @Test("a done job's file goes, another one's is kept in failed/")
  func jobFiles() throws {
    try writer.remove(claimed())
    #expect(spool.names(spool.layout.active).isEmpty)
    try writer.moveToFailed(claimed())
    #expect(spool.names(spool.layout.failed) == ["x.json"])
    // Done before the kill: nothing is left to move, and that is fine.
    try writer.moveToFailed(claimed("y.json"))
    try writer.moveToFailed(try #require(ClaimedName("0000000000000017-1@normal@y.json")))
    try writer.remove(try #require(ClaimedName("0000000000000017-1@normal@y.json")))
  }

  @Test("an older job's file does not replace that of a job which ended later")
  func failedLater() throws {
    try spool.layout.failed.create("x.json").write(Array("later".utf8))
    try writer.moveToFailed(claimed(), replacing: false)
    #expect(try spool.text(spool.layout.failed, "x.json") == "later")
    #expect(spool.names(spool.layout.active).isEmpty)
    try writer.moveToFailed(claimed(), replacing: true)
    #expect(try spool.text(spool.layout.failed, "x.json") == "{}")
  }

  @Test("what is hidden in active/ is no job, whatever its name")
  func hidden() throws {
    let name = try claimed()
    for hidden in ["." + name.text, ".-" + name.text, ".x"] {
      _ = try spool.layout.active.create(hidden)
    }
    _ = try spool.layout.active.create("x.json")
    let (jobs, strangers) = try spool.layout.claimedFiles()
    #expect(jobs == [name] && strangers == ["x.json"])
  }

  @Test("a result is compared by its content")
  func compare() throws {
    let bytes = Array("abc".utf8)
    #expect(try writer.compare("x.json", with: bytes) == .absent)
    for (content, state) in [("", ResultState.empty), ("abd", .different), ("abc", .same)] {
      try writer.publish("x.json", Array(content.utf8))
      #expect(try writer.compare("x.json", with: bytes) == state)
    }
  }

  @Test("files that a power failure put back are found by what they are, not by their name")
  func twins() throws {
    try spool.drop("a.json", "one", lane: .high)
    try spool.drop("b.json", "two")
    let one = try #require(try spool.layout.incoming(.high).identity("a.json"))
    var two = try #require(try spool.layout.incoming(.root).identity("b.json"))
    two.hash += 1
    var moved = one
    moved.device += 1
    let places = try TwinSearch(spool.layout).places(of: [moved, two])
    #expect(places == [moved: .init(lane: .high, job: try #require(JobName("a.json")))])
  }

  #if DEBUG
    @Test(
      "a full disk leaves the older result and nothing else",
      arguments: [FileOperation.create, .write, .rename])
    func fullDisk(_ operation: FileOperation) throws {
      let plan = FaultPlan()
      let spool = try TemporarySpool(plan.install)
      let writer = ResultWriter(spool.layout)
      try writer.publish("x.json", Array("old".utf8))
      plan.fail(operation, errno: ENOSPC, on: "/results/")
      let error = #expect(throws: FileError.self) { try writer.publish("x.json", [1, 2]) }
      #expect(error?.errno == ENOSPC && error?.isStorage == true)
      #expect(spool.names(spool.layout.results, hidden: true) == ["x.json"])
      #expect(try spool.result("x.json") == "old")
    }

    @Test("killed at any point, there is the old result or the new one, never a part")
    func killedAnywhere() throws {
      let plan = FaultPlan()
      let spool = try TemporarySpool(plan.install)
      let writer = ResultWriter(spool.layout)
      plan.interposer.startRecording()
      try writer.publish("x.json", Array("old".utf8))
      let before = plan.changes.count
      try writer.publish("x.json", Array("new".utf8))
      #expect(plan.changes.count > before)
      for count in before...plan.changes.count {
        let copy = try TemporarySpool()
        try plan.replay(count, in: copy)
        #expect(try copy.result("x.json") == (count == plan.changes.count ? "new" : "old"))
      }
    }
  #endif
}
