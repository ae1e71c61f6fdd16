import JSON
import Spool
import TestSupport
import Testing

/// The rows `expires`, `not_before` and `after` of the protocol's table of fields; cycles, kills and
/// restarts are in `WaitingJobTests`.
@Suite("A job: what it waits for", .worker()) struct WaitingSentences {
  @Test(
    "expires: give up if not finished this long after arrival, or by that instant",
    arguments: [
      ("0.1", true), (#""2020-01-01T00:00:00Z""#, true), (#""2020-01-01T02:00:00+02:00""#, true),
      ("3600", false), (#""2999-12-31T23:59:59.999Z""#, false),
    ])
  func expires(value: String, isOver: Bool) throws {
    let served = try ServedSpool.get()
    let sql = isOver ? WaitingJobTests.endless : "SELECT 1"
    for field in ["", #""transaction":"immediate","#] {
      let result = try served.run(#"{\#(field)"expires":\#(value),"timeout":60,"sql":"\#(sql)"}"#)
      #expect(result.status == (isOver ? "expired" : "done"))
      #expect(
        result.errorCode == (isOver ? "SLUICE_EXPIRED" : nil) && result.commit == nil || !isOver)
    }
  }

  @Test("not_before: do not start earlier", arguments: ["0.3", #""2020-01-01T00:00:00Z""#])
  func notBefore(value: String) throws {
    let result = try ServedSpool.get().run(#"{"not_before":\#(value),"sql":"SELECT 1"}"#)
    let waited = try #require(result["times"]?["waited"]?.number)
    #expect(result.status == "done" && (waited >= 0.3) == (value == "0.3"))
  }

  @Test(
    "after: a job that ended before counts by its name and by its id, whatever kind it was",
    arguments: [
      ("write", ".json", #"{"id":"ID","sql":"CREATE TABLE IF NOT EXISTS after_write(x)"}"#, true),
      ("read", ".json", #"{"id":"ID","sql":"SELECT 1"}"#, true),
      ("script", ".sql", "-- sluice: {\"id\":\"ID\"}\nCREATE TABLE after_script(x);", true),
      ("batch line", ".jsonl", #"{"id":"ID","sql":"CREATE TABLE after_line(x)"}"#, true),
      ("failed read", ".json", #"{"id":"ID","sql":"SELECT * FROM nowhere"}"#, false),
      ("failed write", ".json", #"{"id":"ID","sql":"DROP TABLE nowhere"}"#, false),
      ("rejected", ".json", #"{"id":"ID","sql":"SELECT 1","unknown":1}"#, false),
      ("forbidden", ".json", #"{"id":"ID","sql":"VACUUM"}"#, false),
      ("expired", ".json", #"{"id":"ID","expires":0,"sql":"SELECT 1"}"#, false),
    ])
  func endedBefore(kind: String, ending: String, content: String, isDone: Bool) throws {
    let served = try ServedSpool.get()
    let (name, id) = (served.freshName(ending), "id of " + kind)
    let text = content.split(separator: "ID", omittingEmptySubsequences: false)
      .joined(separator: id)
    try served.run(text, as: name)
    for other in [name, id] {
      let result = try served.run(#"{"after":["\#(other)"],"sql":"SELECT 1"}"#)
      #expect(result.status == (isDone ? "done" : "failed"), "\(other)")
      guard !isDone else { continue }
      #expect(result.errorCode == "SLUICE_DEPENDENCY" && result.errorKind == "dependency")
      #expect(result.message.contains(other) && result.errorFault() == nil)
    }
  }

  @Test("after: a job in failed/ has ended otherwise, also where its result was taken")
  func takenResult() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.run(#"{"sql":5}"#, as: name)
    #expect(eventually { served.has("failed/" + name) })
    try served.spool.layout.results.unlink(name)
    let result = try served.run(#"{"after":["\#(name)"],"sql":"SELECT 1"}"#)
    #expect(result.errorCode == "SLUICE_DEPENDENCY")
  }

  @Test("after: a name not seen yet is waited for until expires")
  func untilExpires() throws {
    let result = try ServedSpool.get().run(
      #"{"after":["never-seen.json"],"expires":0.1,"sql":"SELECT 1"}"#)
    #expect(result.status == "expired" && result.errorFault() == nil)
  }

  @Test("after: jobs in flight are waited for, by the ids of reads and of writes")
  func inFlight() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE followed(x)"}"#)
    let follower = served.freshName()
    try served.spool.drop(
      follower, #"{"after":["flying read","flying write"],"sql":"SELECT count(*) FROM followed"}"#)
    try served.run(#"{"id":"flying read","not_before":0.2,"sql":"SELECT 1"}"#)
    #expect(!served.has("results/" + follower))
    try served.run(#"{"id":"flying write","sql":"INSERT INTO followed VALUES(1)"}"#)
    #expect(try served.result(of: follower).firstValue?.integer == 1)
  }

  @Test("after: a name means its latest job")
  func latest() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.run(#"{"sql":"SELECT * FROM nowhere"}"#, as: name)
    try served.spool.drop(name, #"{"not_before":0.2,"sql":"SELECT 1"}"#)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == name } })
    #expect(try served.run(#"{"after":["\#(name)"],"sql":"SELECT 1"}"#).status == "done")
  }

  @Test("after: a cycle fails all of it and is named, by names whatever the ids were")
  func cycle() throws {
    let served = try ServedSpool.get()
    let (one, two) = (served.freshName(), served.freshName())
    try served.spool.drop(one, #"{"id":"c1","after":["c2"],"sql":"SELECT 1"}"#)
    try served.spool.drop(two, #"{"id":"c2","after":["c1"],"sql":"SELECT 1"}"#)
    for (name, other) in [(one, two), (two, one)] {
      let result = try served.result(of: name)
      #expect(result.status == "failed" && result.errorCode == "SLUICE_CYCLE")
      #expect(result.errorKind == "dependency" && result.errorFault() == nil)
      #expect(result.message.contains("\(name) → \(other) → \(name)"))
    }
  }

  @Test("cancelled while it waits, it is done with, and those that wait for it fail")
  func cancelledDependency() throws {
    let served = try ServedSpool.get()
    let (first, second) = (served.freshName(), served.freshName())
    try served.spool.drop(first, #"{"not_before":3600,"sql":"SELECT 1"}"#)
    try served.spool.drop(second, #"{"after":["\#(first)"],"sql":"SELECT 1"}"#)
    try served.command(#""cancel","job":"\#(first)""#)
    #expect(try served.result(of: second).message.contains("cancelled"))
  }
}
