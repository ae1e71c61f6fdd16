import Spool
import TestSupport
import Testing

/// In which order jobs take effect, and who sees what.
@Suite("Order") struct OrderTests {
  private static let insert = #"{"sql":"INSERT INTO t VALUES(1)"}"#

  private func spoolWithTable() throws -> TemporarySpool {
    let spool = try TemporarySpool()
    try spool.drop("table.json", #"{"sql":"CREATE TABLE t(x)"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    return spool
  }

  /// The jobs' names in the order in which their results say they ran.
  private func order(_ names: [String], on spool: TemporarySpool) throws -> [String] {
    try names.map { name -> (commit: Int64, started: String, name: String) in
      let result = try #require(try spool.parsedResult(name))
      let started = result["times"]?["started"]?.string ?? ""
      return (try #require(result.commit), started, name)
    }.sorted { ($0.commit, $0.started) < ($1.commit, $1.started) }.map(\.name)
  }

  @Test("of jobs that wait together the more urgent lane runs first")
  func lanes() throws {
    let spool = try spoolWithTable()
    let lanes: [IncomingLane] = [.bulk, .low, .normal, .high, .urgent]
    // Each runs alone, so that each has a commit of its own.
    let solo = #"{"transaction":"exclusive","sql":"INSERT INTO t VALUES(1)"}"#
    for lane in lanes { try spool.drop("\(lane.rawValue).json", solo, lane: lane) }
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    let names = lanes.reversed().map { "\($0.rawValue).json" }
    #expect(try order(names.sorted(), on: spool) == names)
    #expect(Set(try names.compactMap { try spool.parsedResult($0)?.commit }).count == 5)
    for lane in lanes {
      let priority = try spool.parsedResult("\(lane.rawValue).json")?["priority"]?.string
      #expect(priority == lane.rawValue)
    }
  }

  @Test("the field lowers a lane's priority, and above the lane it is forbidden with its place")
  func field() throws {
    let spool = try spoolWithTable()
    let bulk = #"{"priority":"bulk","sql":"INSERT INTO t VALUES(1)"}"#
    let urgent = #"{"priority":"urgent","sql":"INSERT INTO t VALUES(1)"}"#
    try spool.drop("lowered.json", bulk, lane: .high)
    try spool.drop("raised.json", urgent, lane: .normal)
    try spool.drop("root.json", urgent)
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(try spool.parsedResult("lowered.json")?["priority"]?.string == "bulk")
    #expect(try spool.parsedResult("root.json")?["priority"]?.string == "urgent")
    let raised = try #require(try spool.parsedResult("raised.json"))
    #expect(raised.status == "rejected")
    #expect(raised.errorCode == "SLUICE_FORBIDDEN")
    #expect(raised["error"]?["pointer"]?.string == "/priority")
  }

  @Test("within a lane jobs run as they arrived, those of one clock tick by name")
  func arrival() throws {
    let spool = try spoolWithTable()
    var names: [String] = []
    for number in 100..<400 {
      let name = "job-\(number).json"
      try spool.drop(name, #"{"sql":"INSERT INTO t VALUES(\#(number))"}"#)
      names.append(name)
    }
    try spool.drop(
      "last.json", #"{"sql":"SELECT group_concat(x) FROM t","transaction":"immediate"}"#)
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(try order(names.shuffled(), on: spool) == names)
    let values = (100..<400).map(String.init).joined(separator: ",")
    #expect(try spool.parsedResult("last.json")?.firstValue?.string == values)
  }

  @Test("a read that is dropped after a write's result sees that write")
  func readAfterWrite() throws {
    let spool = try spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    for number in 1...30 {
      try spool.drop("write-\(number).json", Self.insert)
      #expect(try spool.awaitedResult("write-\(number).json").status == "done")
      try spool.drop("read-\(number).json", #"{"sql":"SELECT count(*) FROM t"}"#)
      let count = try spool.awaitedResult("read-\(number).json").firstValue?.integer
      #expect(count == Int64(number))
    }
    #expect(worker.stop() == .exited(0))
  }

  @Test("a name that is used again is another job, whose result replaces the first")
  func sameName() throws {
    let spool = try spoolWithTable()
    let worker = try WorkerProcess.started(on: spool)
    var last: Int64 = 0
    for _ in 0..<20 {
      try spool.drop("x.json", Self.insert)
      let before = last
      #expect(
        try eventually {
          last = try spool.parsedResult("x.json")?.commit ?? 0
          return last > before
        })
    }
    // Dropped while the one before may still be on its way.
    for _ in 0..<20 { try spool.drop("y.json", Self.insert) }
    try spool.drop("y.json", #"{"sql":"INSERT INTO t VALUES('last') RETURNING x"}"#)
    #expect(try eventually { try spool.parsedResult("y.json")?.firstValue?.string == "last" })
    #expect(worker.stop() == .exited(0))
    #expect(try spool.parsedResult("y.json")?.firstValue?.string == "last")
  }
}
