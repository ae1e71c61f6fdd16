import Glibc
import JSON
import Sluice
import Spool
import TestSupport
import Testing

/// The protocol's section "The spool directory", sentence by sentence.
@Suite("The spool directory", .worker("--set", "monitor_interval=0.1"))
struct SpoolDirectorySentences {
  @Test("sluice run makes what is missing of it")
  func made() throws {
    let spool = try TemporarySpool()
    let parts = [
      "tmp", "incoming/urgent", "incoming/high", "incoming/normal", "incoming/low",
      "incoming/bulk", "incoming/control", "incoming", "hold", "data", "active", "results",
      "failed", "monitor",
    ]
    for part in parts { #expect(rmdir(spool.path + "/" + part) == 0) }
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    for part in parts {
      var status = stat()
      #expect(lstat(spool.path + "/" + part, &status) == 0, "\(part)")
      #expect(status.st_mode == S_IFDIR | 0o750, "\(part)")
    }
    #expect(spool.files("").contains("sluice.lock"))
  }

  @Test("in incoming/ the priority field counts, and without one it is normal")
  func root() throws {
    let served = try ServedSpool.get()
    #expect(try served.run(#"{"sql":"SELECT 1"}"#)["priority"]?.string == "normal")
    for priority in Priority.allCases {
      let job = #"{"sql":"SELECT 1","priority":"\#(priority.name)"}"#
      let result = try served.run(job)
      #expect(result.status == "done" && result["priority"]?.string == priority.name)
    }
  }

  @Test(
    "the lane is the priority; a field may lower it, a higher one is rejected",
    arguments: Priority.allCases)
  func lanes(lane: Priority) throws {
    let served = try ServedSpool.get()
    let directory = try #require(IncomingLane.allCases.first { $0.priority == lane })
    let plain = try served.run(#"{"sql":"SELECT 1"}"#, lane: directory)
    #expect(plain["priority"]?.string == lane.name)
    for field in Priority.allCases {
      let job = #"{"sql":"SELECT 1","priority":"\#(field.name)"}"#
      let result = try served.run(job, lane: directory)
      if field >= lane {
        #expect(result.status == "done" && result["priority"]?.string == field.name)
      } else {
        #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN")
        #expect(result.pointer == "/priority" && result.errorFault() == nil)
      }
    }
  }

  @Test("the header of a script or a batch is held to the lane as well")
  func laneOfHeaders() throws {
    let served = try ServedSpool.get()
    let script = try served.run(
      "-- sluice: {\"priority\":\"urgent\"}\nSELECT 1;", as: served.freshName(".sql"), lane: .low)
    let batch = try served.run(
      "{\"sluice\":{\"priority\":\"high\",\"sql\":\"SELECT ?\"}}\n[1]\n",
      as: served.freshName(".jsonl"), lane: .low)
    for result in [script, batch] {
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN")
      #expect(result.message.contains("/priority"))
    }
  }

  @Test("active/ holds the jobs the worker has claimed, under a sequence number")
  func active() throws {
    let served = try ServedSpool.get()
    let (first, second) = (served.freshName(), served.freshName())
    let job = #"{"not_before":3600,"sql":"SELECT 1"}"#
    try served.spool.drop(first, job, lane: .low)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == first } })
    try served.spool.drop(second, job)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == second } })
    let claimed = served.spool.activeJobs
    let one = try #require(claimed.first { $0.job.text == first })
    let two = try #require(claimed.first { $0.job.text == second })
    #expect(one.sequence < two.sequence && one.lane == .low && two.lane == .root)
    #expect(!served.has("incoming/low/" + first) && !served.has("incoming/" + second))
    for name in [first, second] { try served.command(#""cancel","job":"\#(name)""#) }
  }

  @Test("results/ has one result per job, and failed/ the file of every one that is not done")
  func resultsAndFailed() throws {
    let served = try ServedSpool.get()
    let endless = WaitingJobTests.endless
    let jobs = [
      ("done", #"{"sql":"SELECT 1"}"#), ("failed", #"{"sql":"SELECT * FROM nowhere"}"#),
      ("rejected", #"{"sql":1}"#), ("expired", #"{"expires":0.05,"sql":"\#(endless)"}"#),
      ("cancelled", #"{"not_before":3600,"sql":"SELECT 1"}"#),
    ]
    for (status, content) in jobs {
      let name = served.freshName()
      try served.spool.drop(name, content)
      if status == "cancelled" { try served.command(#""cancel","job":"\#(name)""#) }
      #expect(try served.result(of: name).status == status)
      let kept = eventually { served.has("failed/" + name) == (status != "done") }
      #expect(kept, "\(status)")
      if status != "done" { #expect(served.spool.text("failed/" + name) == content) }
      #expect(
        eventually { served.spool.activeJobs.allSatisfy { $0.job.text != name } }, "\(status)")
      let results = served.spool.names(served.spool.layout.results)
      #expect(results.filter { $0.hasPrefix(String(name.dropLast(4))) } == [name])
    }
  }

  @Test("a file of failed/ that is moved to incoming/ is tried again")
  func tryAgain() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    #expect(try served.run(#"{"sql":"SELECT * FROM again"}"#, as: name).status == "failed")
    try served.run(#"{"sql":"CREATE TABLE again(x)"}"#)
    #expect(eventually { served.has("failed/" + name) })
    try served.spool.layout.failed.rename(name, to: served.spool.layout.incoming(.root), name)
    #expect(try eventually { try served.spool.parsedResult(name)?.status == "done" })
    #expect(!served.has("failed/" + name))
  }

  @Test("the worker creates files with umask 027, but metrics.prom is 0644")
  func umask027() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE masked(x)"}"#)
    try served.run(#"{"sql":"SELECT 1","result":{"format":"csv"}}"#, as: "masked.json")
    #expect(eventually { served.has("monitor/status.html") })
    #expect(served.mode("monitor/metrics.prom") == 0o644)
    for directory in ["", "monitor", "results"] {
      for file in served.spool.files(directory) where file != "metrics.prom" {
        let mode = served.mode(directory + "/" + file)
        #expect(mode == 0o640, "\(directory)/\(file) has \(String(mode ?? 0, radix: 8))")
      }
    }
  }

  @Test("unless told otherwise")
  func otherUmask() throws {
    let spool = try TemporarySpool()
    try spool.drop("x.json")
    #expect(try WorkerProcess.once(on: spool, ["--set", "umask=077"]).end == .exited(0))
    for file in ["results/x.json", "main.db", "monitor/metrics.json"] {
      var status = stat()
      #expect(lstat(spool.path + "/" + file, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600, "\(file)")
    }
  }
}
