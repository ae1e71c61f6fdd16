import TestSupport
import Testing

@Suite("hold, release and retry") struct JobMoveTests {
  @Test("hold parks jobs of any lane by name and by glob; release lets them go into a lane")
  func holdAndRelease() throws {
    let spool = try TemporarySpool()
    for file in ["a-1.json", "high/a-2.json", "low/b.json", "control/a-3.json"] {
      try spool.put("{}", at: "incoming/" + file)
    }
    let hold = try spool.sluice("hold", "a-*", "b.json")
    #expect(hold.status == 0)
    #expect(spool.files("hold") == ["a-1.json", "a-2.json", "b.json"])
    #expect(spool.files("incoming/control") == ["a-3.json"])
    let release = try spool.sluice("release", "--priority", "bulk", "--json", "a-?.json")
    #expect(release.status == 0)
    #expect(spool.files("incoming/bulk") == ["a-1.json", "a-2.json"])
    #expect(spool.files("hold") == ["b.json"])
  }

  @Test("release brings a job back into the lane it was held in, or the one that is said")
  func releaseLane() throws {
    let spool = try TemporarySpool()
    for name in ["x.json", "y.json"] { try spool.put("{}", at: "incoming/high/" + name) }
    try spool.put("{}", at: "incoming/z.json")
    #expect(try spool.sluice("hold", "?.json").status == 0)
    #expect(try spool.sluice("release", "[xz].json").status == 0)
    #expect(try spool.sluice("release", "--priority", "low", "y.json").status == 0)
    #expect(spool.files("incoming/high") == ["x.json"])
    #expect(spool.files("incoming/low") == ["y.json"])
    #expect(spool.files("incoming") == ["z.json"])
    // Put there by hand, it has no lane of its own.
    try spool.put("{}", at: "hold/x2.json")
    #expect(try spool.sluice("release", "x2.json").status == 0)
    #expect(spool.files("incoming") == ["x2.json", "z.json"])
  }

  @Test("show says what a claimed job waits for, and hold that it is claimed")
  func waitsFor() throws {
    let spool = try TemporarySpool()
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("p.json", #"{"control":"pause","priority":"low"}"#, lane: .control)
    #expect(try spool.awaitedResult("p.json").status == "done")
    let job = #"{"sql":"SELECT 1","after":["no.json"],"not_before":"2199-01-01T00:00:00Z"}"#
    try spool.drop("j.json", job, lane: .low)
    try spool.drop("s.sql", "-- sluice: {\"after\":[\"no.json\"]}\nSELECT 1;\n")
    #expect(eventually { spool.files("active").count == 2 })
    let show = try spool.sluice("show", "j.json").output
    let reasons = "the end of the pause of priority low, 2199-01-01T00:00:00.000000Z, no.json"
    #expect(show.contains("waits for  " + reasons), "\(show)")
    #expect(
      try spool.sluice("show", "--json", "s.sql").output.contains(#""waits_for":["no.json"]"#))
    let hold = try spool.sluice("hold", "j.json")
    #expect(hold.status == 1 && hold.errors.contains("is claimed already"), "\(hold.errors)")
    worker.stop()
  }

  @Test("retry moves a failed job back; its name taken by a waiting one, it stays")
  func retry() throws {
    let spool = try TemporarySpool()
    try spool.put("1", at: "failed/x.json")
    #expect(try spool.sluice("retry", "x.json").output == "x.json\n")
    #expect(spool.text("incoming/x.json") == "1")
    try spool.put("2", at: "failed/x.json")
    let run = try spool.sluice("retry", "x.json")
    #expect(run.status == 1)
    #expect(run.errors.contains("x.json is in incoming/ already"))
    #expect(spool.text("incoming/x.json") == "1")
    #expect(spool.text("failed/x.json") == "2")
  }

  @Test("retry brings a job back into the lane it came from, or the one that is said")
  func retryLane() throws {
    let spool = try TemporarySpool()
    for name in ["x.json", "y.json"] { try spool.put("{}", at: "incoming/low/" + name) }
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.sluice("retry", "x.json").status == 0)
    #expect(try spool.sluice("retry", "--priority", "bulk", "y.json").status == 0)
    #expect(spool.files("incoming/low") == ["x.json"])
    #expect(spool.files("incoming/bulk") == ["y.json"])
    // Of a later job of that name the lane is another.
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    try spool.put("{}", at: "incoming/x.json")
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.sluice("retry", "x.json").status == 0)
    #expect(spool.files("incoming") == ["x.json"])
  }

  @Test("a name that is not there is told, and the others are moved all the same")
  func missing() throws {
    let spool = try TemporarySpool()
    try spool.put("{}", at: "failed/x.json")
    let run = try spool.sluice("retry", "none.json", "x.json")
    #expect(run.status == 1)
    #expect(run.output == "x.json\n")
    #expect(run.errors.contains("no job none.json in failed/"))
    #expect(spool.files("incoming") == ["x.json"])
  }
}
