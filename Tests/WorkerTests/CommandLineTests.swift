import Foundation
import Spool
import TestSupport
import Testing

@Suite("The command line") struct CommandLineTests {
  @Test(
    "wrong usage exits with 64",
    arguments: [
      ["bogus"], ["submit"], ["submit", "--priority", "soon", "-"], ["exec"],
      ["exec", "--csv", "--json", "SELECT 1"], ["wait", "--timeout", "-1", "x.json"],
      ["wait", "--timeout", "soon", "x.json"], ["run", "--set", "pool_size"],
    ])
  func usage(arguments: [String]) throws {
    let run = try SluiceProcess.run(arguments)
    #expect(run.status == 64)
    #expect(run.output == "")
    #expect(!run.errors.isEmpty)
  }

  @Test(
    "a spool that is not there is named, with what to do",
    arguments: [
      ["status"], ["list"], ["show", "x.json"], ["wait", "x.json"], ["submit", "-"],
      ["exec", "SELECT 1"], ["cancel", "x.json"], ["hold", "x.json"], ["release", "x.json"],
      ["retry", "x.json"],
    ])
  func missingSpool(arguments: [String]) throws {
    let run = try SluiceProcess.run(arguments + ["--spool", "/nonexistent/spool"])
    #expect(run.status == 64)
    #expect(
      run.errors == "sluice: there is no spool at /nonexistent/spool; "
        + "make it with: sluice init /nonexistent/spool\n")
  }

  @Test("init makes a spool that the other commands take, and twice is as good as once")
  func initialize() throws {
    let parent = try TemporarySpool()
    let path = parent.path + "/new"
    for _ in 0..<2 {
      let made = try SluiceProcess.run(["init", path])
      #expect(made.status == 0)
      #expect(made.output == path + "\n")
    }
    let status = try SluiceProcess.run(["status", "--json", "--spool", path])
    #expect(status.status == 0)
    #expect(status.output.contains(#""worker":{"running":false,"alive":false}"#))
  }

  @Test("--spool comes before SLUICE_SPOOL")
  func precedence() throws {
    let (one, other) = (try TemporarySpool(), try TemporarySpool())
    let run = try one.sluice("status", "--json", "--spool", other.path)
    #expect(run.output.contains(#""spool":"\#(other.path)""#))
  }

  @Test("waiting without a worker says so and exits with 69, also for cancel")
  func noWorker() throws {
    let spool = try TemporarySpool()
    let wait = try spool.sluice("wait", "x.json")
    #expect(wait.status == 69)
    #expect(wait.errors.hasPrefix("sluice: no worker runs for \(spool.path); "))
    let submit = try spool.sluice("submit", "--wait", "--name", "x.json", "-", input: "{}")
    #expect(submit.status == 69)
    #expect(submit.errors.contains("x.json is in incoming/"))
    #expect(spool.text("incoming/x.json") == "{}")
    #expect(try spool.sluice("cancel", "x.json").status == 69)
    #expect(spool.files("incoming/control") == [])
  }

  @Test("a result that is not there in time exits with 75, and says where the job is")
  func timedOut() throws {
    let spool = try TemporarySpool()
    let lock = try SpoolLock.acquire(spool.layout)
    try spool.put("{}", at: "incoming/low/x.json")
    let run = try spool.sluice("wait", "--timeout", "0.05", "x.json")
    #expect(run.status == 75)
    #expect(
      run.errors.hasPrefix("sluice: x.json has no result after 0.05 s; x.json is in incoming/low/;")
    )
    _ = consume lock
  }

  @Test("status counts jobs by place and knows the worker's pid")
  func status() throws {
    let spool = try TemporarySpool()
    let lock = try SpoolLock.acquire(spool.layout)
    try spool.put("{}", at: "incoming/a.json")
    try spool.put("{}", at: "incoming/high/b.json")
    try spool.put("{}", at: "incoming/high/.scratch")
    try spool.put("{}", at: "hold/c.sql")
    try spool.put("{}", at: "results/d.json")
    try spool.put("{}", at: "results/e.jsonl")
    try spool.put("{}", at: "results/e.jsonl.json")
    try spool.put(#"{"jobs_total":3}"#, at: "monitor/metrics.json")
    let run = try spool.sluice("status", "--json")
    let jobs =
      #""jobs":{"incoming":1,"incoming/urgent":0,"incoming/high":1,"incoming/normal":0,"#
      + #""incoming/low":0,"incoming/bulk":0,"incoming/control":0,"active":0,"hold":1,"#
      + #""results":2,"failed":0}"#
    #expect(run.output.contains(jobs))
    #expect(run.output.contains(#""worker":{"running":true,"pid":\#(getpid()),"alive":true}"#))
    #expect(run.output.contains(#""metrics":{"jobs_total":3}"#))
    _ = consume lock
  }

  @Test("what waits is found again: list and show")
  func listAndShow() throws {
    let spool = try TemporarySpool()
    try spool.put(#"{"sql":"SELECT 1","meta":{"who": "Ada"}}"#, at: "incoming/high/a.json")
    try spool.put("{}", at: "hold/b.json")
    try spool.put("{}", at: "failed/c.json")
    try spool.put(#"{"job":"c.json","status":"failed"}"#, at: "results/c.json")
    try spool.put(#"{"job":"d.json","status":"done","commit":7}"#, at: "results/d.json")
    func names(_ arguments: String...) throws -> [String] {
      try SluiceProcess.run(["list", "--spool", spool.path] + arguments).output
        .split(separator: "\n").dropFirst().compactMap {
          $0.split(separator: " ").last.map(String.init)
        }
    }
    #expect(try names() == ["a.json", "b.json"])
    #expect(try names("--held") == ["b.json"])
    #expect(try names("--done") == ["d.json"])
    #expect(try names("--failed") == ["c.json"])
    #expect(try names("--all") == ["a.json", "b.json", "c.json", "d.json"])
    let waiting = try spool.sluice("show", "--json", "a.json")
    #expect(
      waiting.output.contains(#""state":"waiting","file":"incoming/high/a.json","lane":"high""#))
    #expect(waiting.output.contains(#""meta":{"who": "Ada"}"#))
    #expect(
      try spool.sluice("show", "d.json").output == "job     d.json\nstatus  done\ncommit  7\n")
    #expect(try spool.sluice("show", "none.json").status == 1)
  }
}
