import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// The protocol's section "Control jobs", sentence by sentence; what stops, kills or pauses a worker
/// is in `ControlJobTests`.
@Suite("Control jobs, each by itself", .worker()) struct ControlSentences {
  @Test(
    "a control job anywhere else is SLUICE_FORBIDDEN",
    arguments: IncomingLane.allCases.filter { $0 != .control })
  func elsewhere(lane: IncomingLane) throws {
    let served = try ServedSpool.get()
    for command in ["checkpoint", "pause", "shutdown"] {
      let result = try served.run("{\"control\":\"\(command)\"}", lane: lane)
      #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN")
      #expect(result.pointer == "/control" && result.errorFault() == nil)
    }
    #expect(try served.run(#"{"sql":"SELECT 1"}"#).status == "done")
  }

  @Test(
    "any other job in control/ is SLUICE_FORBIDDEN",
    arguments: [
      (".json", #"{"sql":"SELECT 1"}"#), (".sql", "SELECT 1;"), (".jsonl", #"{"sql":"SELECT 1"}"#),
      (".json", #"{"import":{"file":"a.csv","table":"t"}}"#),
    ])
  func otherJob(ending: String, content: String) throws {
    let served = try ServedSpool.get()
    let result = try served.run(content, as: served.freshName(ending), lane: .control)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_FORBIDDEN")
    #expect(result.errorFault() == nil)
  }

  @Test(
    "a command that is wrong is rejected, with its place",
    arguments: [
      (#""explode""#, "/control"), ("5", "/control"), (#""cancel""#, "/control"),
      (#""cancel","job":5"#, "/job"), (#""cancel","job":"x","priority":"low""#, "/priority"),
      (#""retry""#, "/control"), (#""backup""#, "/control"), (#""backup","to":"../x""#, "/to"),
      (#""backup","to":".x""#, "/to"), (#""backup","to":"x.json""#, "/to"),
      (#""backup","to":"a/b""#, "/to"), (#""pause","priority":"x""#, "/priority"),
      (#""pause","priority":"low","database":"main""#, "/priority"),
      (#""shutdown","job":"x""#, "/job"), (#""vacuum","sql":"SELECT 1""#, "/sql"),
      (#""checkpoint","unknown":1"#, "/unknown"),
    ])
  func wrong(fields: String, pointer: String) throws {
    let result = try ServedSpool.get().command(fields)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_JOB")
    #expect(result.pointer == pointer && result.errorFault() == nil)
  }

  @Test(
    "what concerns a database that is not there is SLUICE_NO_DATABASE",
    arguments: ["pause", "checkpoint", "optimize", "analyze", "vacuum", "integrity_check"])
  func noDatabase(command: String) throws {
    let result = try ServedSpool.get().command(#""\#(command)","database":"none""#)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_NO_DATABASE")
  }

  @Test(
    "each has a result, which gives id and meta back",
    arguments: [
      "checkpoint", "optimize", "analyze", "vacuum", "integrity_check", "reload", "resume",
    ])
  func results(command: String) throws {
    let served = try ServedSpool.get()
    let result = try served.command(#""\#(command)","id":"c-1","meta":{"by": "Ada"}"#)
    #expect(result.status == "done" && result["id"]?.string == "c-1")
    #expect(result["meta"]?["by"]?.string == "Ada" && result.commit == nil)
  }

  @Test(
    "cancel and retry of a job that is not there are SLUICE_NOT_FOUND",
    arguments: ["cancel", "retry"])
  func notFound(command: String) throws {
    let result = try ServedSpool.get().command(#""\#(command)","job":"nobody.json""#)
    #expect(result.status == "failed" && result.errorCode == "SLUICE_NOT_FOUND")
    #expect(result.message.contains("nobody.json") && result.errorFault() == nil)
  }

  @Test("cancel: a write queued behind a long one is answered while that one has yet to end")
  func cancelQueued() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE queued(x)"}"#)
    let (long, queued) = (served.freshName(), served.freshName())
    let endless = WaitingJobTests.endless
    try served.spool.drop(long, #"{"timeout":60,"sql":"INSERT INTO queued \#(endless)"}"#)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == long } })
    try served.spool.drop(queued, #"{"sql":"INSERT INTO queued VALUES(1)"}"#)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == queued } })
    #expect(try served.command(#""cancel","job":"\#(queued)""#).status == "done")
    #expect(try served.result(of: queued).status == "cancelled")
    #expect(!served.has("results/" + long))
    #expect(try served.command(#""cancel","job":"\#(long)""#).status == "done")
    #expect(try served.result(of: long).status == "cancelled")
    #expect(try served.value("SELECT count(*) FROM queued")?.integer == 0)
  }

  @Test("cancel by id or name: of several jobs of one name, the latest")
  func cancelLatest() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    for id in ["early", "late"] {
      try served.spool.drop(name, #"{"id":"\#(id)","not_before":3600,"sql":"SELECT 1"}"#)
      #expect(
        eventually { !served.has("incoming/" + name) }, "the next one would replace it there")
    }
    #expect(try served.command(#""cancel","job":"\#(name)""#).status == "done")
    #expect(try served.result(of: name)["id"]?.string == "late")
    #expect(try served.command(#""cancel","job":"early""#).status == "done")
    #expect(try eventually { try served.result(of: name)["id"]?.string == "early" })
  }

  @Test(
    "retry: the job goes back into the lane it came from, also where its result was taken",
    arguments: [".json", ".sql", ".jsonl"])
  func retryPriority(ending: String) throws {
    let served = try ServedSpool.get()
    let content =
      ending == ".sql"
      ? "SELECT * FROM later\(ending.count);" : #"{"sql":"SELECT * FROM later\#(ending.count)"}"#
    let (lane, field) = (served.freshName(ending), served.freshName(".json"))
    #expect(try served.run(content, as: lane, lane: .low)["priority"]?.string == "low")
    let lowered = try served.run(
      #"{"priority":"bulk","sql":"SELECT * FROM later"}"#, as: field, lane: .high)
    #expect(lowered["priority"]?.string == "bulk")
    for (name, priority) in [(lane, "low"), (field, "bulk")] {
      #expect(eventually { served.has("failed/" + name) })
      try served.spool.layout.results.unlink(JobName(name)?.result ?? name)
      let retry = try served.command(#""retry","job":"\#(name)""#)
      #expect(retry.status == "done" && retry["retry"]?["job"]?.string == name)
      #expect(try served.result(of: name)["priority"]?.string == priority)
    }
  }

  @Test("backup: a database file under results/, mode 0640, that replaces an older one")
  func backup() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE backed(x)"}"#)
    for count in 1...2 {
      try served.run(#"{"sql":"INSERT INTO backed VALUES(1)"}"#)
      let result = try served.command(#""backup","to":"name.db""#)
      #expect(result.status == "done" && result["backup"]?["to"]?.string == "name.db")
      #expect(served.mode("results/name.db") == 0o640)
      let copy = try Connection(path: served.path + "/results/name.db", role: .reader)
      #expect(
        try copy.command("SELECT CAST(count(*) AS TEXT) FROM backed", most: 1) == ["\(count)"])
    }
  }

  @Test("checkpoint says how far it came; integrity_check what it found")
  func findings() throws {
    let served = try ServedSpool.get()
    let checkpoint = try served.command(#""checkpoint""#)["checkpoint"]
    #expect(checkpoint?["log"]?.integer == checkpoint?["copied"]?.integer)
    #expect(checkpoint?["log"]?.integer != nil)
    #expect(try served.command(#""integrity_check""#).firstValue?.string == "ok")
  }
}

/// Pauses hold up everything else, so they have a worker for themselves.
@Suite("Control jobs that pause", .worker(), .serialized) struct PauseSentences {
  @Test(
    "pause: of everything, a database or a priority; what is paused waits, and can be ended",
    arguments: [
      ("", "everything"), (#","database":"main""#, "database main"),
      (#","priority":"normal""#, "priority normal"),
    ])
  func pause(scope: String, words: String) throws {
    let served = try ServedSpool.get()
    let paused = try served.command(#""pause"\#(scope)"#)
    #expect(paused.status == "done" && paused["paused"]?[0]?.string == words)
    let table = "paused" + served.freshName("")
    let (write, read, cancelled) = (served.freshName(), served.freshName(), served.freshName())
    try served.spool.drop(write, #"{"sql":"CREATE TABLE \#(table)(x)"}"#)
    try served.spool.drop(read, #"{"sql":"SELECT 1"}"#)
    try served.spool.drop(cancelled, #"{"sql":"SELECT 1"}"#)
    let expired = try served.run(#"{"expires":0.1,"sql":"SELECT 1"}"#)
    #expect(expired.status == "expired")
    #expect(try served.run(#"{"sql":5}"#).status == "rejected")
    #expect(try served.command(#""cancel","job":"\#(cancelled)""#).status == "done")
    if scope.contains("priority") {
      #expect(try served.run(#"{"sql":"SELECT 1"}"#, lane: .bulk).status == "done")
    }
    #expect(!served.has("results/" + write) && !served.has("results/" + read))
    let resumed = try served.command(#""resume"\#(scope)"#)
    #expect(resumed["paused"]?.array?.isEmpty == true)
    for name in [write, read] { #expect(try served.result(of: name).status == "done") }
  }

  @Test("higher priority first, then by arrival: what comes with a resume overtakes nothing parked")
  func resumeOrder() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE resumed(round, x)"}"#)
    for round in 1...10 {
      try served.command(#""pause","database":"main""#)
      var names: [String] = []
      func drop(_ value: String, _ lane: IncomingLane) throws {
        names.append(served.freshName())
        try served.spool.drop(
          names[names.count - 1], #"{"sql":"INSERT INTO resumed VALUES(\#(round),'\#(value)')"}"#,
          lane: lane)
      }
      for lane in [IncomingLane.bulk, .low, .normal, .high, .urgent] {
        try drop(lane.rawValue, lane)
        #expect(eventually { served.spool.incomingFiles.isEmpty })
      }
      try drop("late", .normal)
      try served.command(#""resume","database":"main""#)
      for name in names { #expect(try served.result(of: name).status == "done") }
      // But for the lower lanes, one of which may have its share before.
      let order = try served.value(
        """
        SELECT group_concat(x) FROM (SELECT x FROM resumed WHERE round=\(round) \
        AND x NOT IN ('low','bulk') ORDER BY rowid)
        """)
      #expect(order?.string == "urgent,high,normal,late")
    }
  }

  @Test("resume ends the pause of that very scope; without one, every pause")
  func resume() throws {
    let served = try ServedSpool.get()
    try served.command(#""pause","priority":"low""#)
    try served.command(#""pause","database":"main""#)
    let one = try served.command(#""resume","priority":"low""#)
    #expect(one["paused"]?.array?.compactMap(\.string) == ["database main"])
    try served.command(#""pause","priority":"bulk""#)
    #expect(try served.command(#""resume""#)["paused"]?.array?.isEmpty == true)
  }
}
