import Foundation
import Sluice
import Spool
import TestSupport
import Testing

@Suite("sluice submit") struct SubmitCommandTests {
  @Test("a file goes into the lane of its priority under its own name, and nothing else stays")
  func lane() throws {
    let spool = try TemporarySpool()
    try spool.put(#"{"sql":"SELECT 1"}"#, at: "order.json")
    let run = try spool.sluice("submit", "--priority", "high", spool.path + "/order.json")
    #expect(run.status == 0)
    #expect(run.output == "order.json\n")
    #expect(spool.text("incoming/high/order.json") == #"{"sql":"SELECT 1"}"#)
    #expect(spool.files("tmp") == [])
    #expect(spool.files("incoming") == [])
  }

  @Test("a job from standard input gets a name of its own, again and again")
  func standardInput() throws {
    let spool = try TemporarySpool()
    let first = try spool.sluice("submit", "-", input: #"{"sql":"SELECT 1"}"#)
    let second = try spool.sluice("submit", "-", input: #"{"sql":"SELECT 2"}"#)
    #expect(first.status == 0 && second.status == 0)
    let names = [first, second].map { $0.output.trimmingCharacters(in: .newlines) }
    #expect(names[0] != names[1])
    #expect(spool.files("incoming") == names.sorted())
    #expect(spool.text("incoming/" + names[1]) == #"{"sql":"SELECT 2"}"#)
  }

  @Test("a job that waits under the same name is not replaced")
  func taken() throws {
    let spool = try TemporarySpool()
    try spool.put("first", at: "incoming/x.json")
    let run = try spool.sluice("submit", "--name", "x.json", "-", input: "second")
    #expect(run.status == 1)
    #expect(run.errors.contains("a job named x.json is waiting in incoming"))
    #expect(spool.text("incoming/x.json") == "first")
    #expect(spool.files("tmp") == [])
  }

  @Test("a name that no job can have is bad data", arguments: ["a b.json", "x.txt", "x.sql.json"])
  func badName(name: String) throws {
    let spool = try TemporarySpool()
    let run = try spool.sluice("submit", "--name", name, "-")
    #expect(run.status == 65)
    #expect(run.errors.hasPrefix("sluice: \(name) is no job name; "))
  }

  @Test("a file that is not there is bad data")
  func missingFile() throws {
    let spool = try TemporarySpool()
    let run = try spool.sluice("submit", "/nonexistent/x.json")
    #expect(run.status == 65)
    #expect(run.errors == "sluice: cannot open /nonexistent/x.json: No such file or directory\n")
    #expect(spool.files("incoming") == [])
  }

  @Test("--wait prints the result, and exits 0 if the job was done and 1 if not")
  func waits() throws {
    let spool = try TemporarySpool()
    let worker = try StandInWorker(spool) { job, text, arrived in
      #"{"job":"\#(job)","status":"\#(text)","times":{"arrived":"\#(arrived)"}}"#
    }
    defer { worker.stop() }
    let done = try spool.sluice("submit", "--wait", "--name", "a.json", "-", input: "done")
    #expect(done.status == 0)
    #expect(done.output.hasPrefix(#"{"job":"a.json","status":"done""#))
    let failed = try spool.sluice("submit", "--wait", "--name", "b.sql", "-", input: "failed")
    #expect(failed.status == 1)
    #expect(failed.output.contains(#""status":"failed""#))
  }

  @Test("an older result of the name is not taken for the new one")
  func olderResult() throws {
    let spool = try TemporarySpool()
    try spool.put(#"{"job":"x.json","status":"done","old":1}"#, at: "results/x.json")
    let worker = try StandInWorker(spool) { job, _, arrived in
      #"{"job":"\#(job)","status":"done","new":1,"times":{"arrived":"\#(arrived)"}}"#
    }
    defer { worker.stop() }
    let run = try spool.sluice("submit", "--wait", "--name", "x.json", "-", input: "{}")
    #expect(run.output.contains(#""new":1"#))
  }

  //  command                            | worker
  //  drops x.json while an earlier      |
  //  x.json runs                        |
  //                                     | publishes the earlier one's result
  //  sees a new result, which arrived   |
  //  before the drop: waits on          |
  //                                     | publishes the right one
  @Test("the result of an earlier job of the name, which was running, is not taken either")
  func earlierJob() throws {
    let spool = try TemporarySpool()
    let early = Timestamp.now().advanced(bySeconds: -1).rfc3339
    let worker = try StandInWorker(spool) { job, _, arrived in
      if spool.text("results/x.json") == nil {
        try spool.put(
          #"{"job":"x.json","status":"done","old":1,"times":{"arrived":"\#(early)"}}"#,
          at: "results/x.json")
        return nil
      }
      return #"{"job":"\#(job)","status":"done","new":1,"times":{"arrived":"\#(arrived)"}}"#
    }
    defer { worker.stop() }
    let run = try spool.sluice("submit", "--wait", "--name", "x.json", "-", input: "{}")
    #expect(run.output.contains(#""new":1"#))
  }
}
