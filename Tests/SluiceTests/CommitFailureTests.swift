import FaultVFS
import SQLite
import Testing

@testable import Sluice

/// One plan of faults serves the whole process, so one test at a time.
@Suite("A disk that fails", .serialized)
struct CommitFailureTests {
  private static let ioError: Int32 = 10
  private static let corrupt: Int32 = 11
  private static let syncError: Int32 = 10 | 4 << 8
  private static let writeError: Int32 = 10 | 3 << 8

  private struct Fault: CustomTestStringConvertible, Sendable {
    var call: fault_call
    var skip: Int
    var code: Int32
    /// The call does its work and fails nevertheless.
    var after: Bool
    var testDescription: String {
      "\(call == FAULT_SYNC ? "sync" : "write") \(skip)\(after ? " after its work" : "")"
    }
  }

  private static let faults =
    [false, true].map { Fault(call: FAULT_SYNC, skip: 0, code: syncError, after: $0) }
    + [0, 1, 2, 5, 6, 7, 8].flatMap { skip in
      [false, true].map { Fault(call: FAULT_WRITE, skip: skip, code: writeError, after: $0) }
    }

  @Test(
    "after a COMMIT that failed every job of the group takes effect exactly once",
    arguments: faults, [false, true])
  private func commit(fault: Fault, readersOpen: Bool) throws {
    fault_vfs_install()
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    #expect(try fixture.run("INSERT INTO t VALUES(0)").status == .done)
    // Without another connection the WAL's index goes with the writer's, and is recovered.
    if readersOpen { try fixture.run("SELECT 1 FROM t") }
    let jobs = try fixture.inOneGroup {
      let jobs = (1...5).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      fault_vfs_plan(
        fixture.path + "-wal", Int32(fault.call.rawValue), Int32(fault.skip), 1, fault.code,
        fault.after ? 1 : 0)
      return jobs
    }
    let results = try fixture.results(jobs)
    let hits = fault_vfs_clear()
    #expect(results.allSatisfy { $0.status == .done })
    #expect(try fixture.values("SELECT a FROM t ORDER BY a") == (0...5).map { .integer($0) })
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 6)
    #expect(fixture.outcomeCounts.values.allSatisfy { $0 == 1 })
    if hits > 0 {
      #expect(fixture.report("the writer goes on") != nil)
      #expect(fixture.reports.count == 2)
    }
    // What the results say of the commit is what the ledger says.
    let keys = results.compactMap { result -> Int64? in
      if case .ledger(let key) = result.outcome.durability { key } else { nil }
    }
    for (key, result) in zip(keys, results) {
      #expect(try fixture.engine.recordedResults().result(ofKey: key) == result.outcome.result)
    }
  }

  @Test("a disk that goes on failing holds everything up without burning a job, and says so once")
  func goesOnFailing() throws {
    fault_vfs_install()
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
    fault_vfs_plan(fixture.path + "-wal", Int32(FAULT_SYNC.rawValue), 0, 4, Self.syncError, 0)
    let jobs = (1...10).map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
    #expect(fixture.report("nothing is written")?.contains("SQLITE_IOERR_FSYNC") == true)
    let results = try fixture.results(jobs)
    #expect(fault_vfs_clear() == 4)
    #expect(results.allSatisfy { $0.status == .done && $0["attempts"] == "1" })
    #expect(try fixture.integer("SELECT count(*) FROM t") == 10)
    #expect(fixture.report("the writer goes on") != nil)
    #expect(fixture.reports.count == 2)
  }

  @Test("a job on a connection of its own is looked up after a COMMIT that failed")
  func soloCommit() throws {
    fault_vfs_install()
    for after in [Int32(0), 1] {
      let fixture = try EngineFixture(schema: "CREATE TABLE t(a)")
      let job = Job("INSERT INTO t VALUES(1)").with { $0.transaction = .exclusive }
      fault_vfs_plan(fixture.path + "-wal", Int32(FAULT_SYNC.rawValue), 0, 1, Self.syncError, after)
      #expect(try fixture.run(job).status == .done)
      #expect(fault_vfs_clear() == 1)
      #expect(try fixture.integer("SELECT count(*) FROM t") == 1)
      #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 1)
    }
  }

  @Test("a job that failed by itself keeps its error when the COMMIT of its row fails")
  func failedJob() throws {
    fault_vfs_install()
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a UNIQUE ON CONFLICT ROLLBACK)")
    try fixture.run("INSERT INTO t VALUES(1)")
    let jobs = try fixture.inOneGroup {
      let jobs = [1, 2].map { fixture.submit("INSERT INTO t VALUES(?)", .integer($0)) }
      fault_vfs_plan(fixture.path + "-wal", Int32(FAULT_SYNC.rawValue), 0, 3, Self.syncError, 1)
      return jobs
    }
    let results = try fixture.results(jobs)
    fault_vfs_clear()
    #expect(results.map(\.status) == [.failed, .done])
    #expect(results[0].code == "SQLITE_CONSTRAINT_UNIQUE")
    #expect(try fixture.integer("SELECT count(*) FROM _sluice_ledger") == 3)
  }

  @Test("a read on a connection that breaks is tried again on another one")
  func brokenRead() throws {
    fault_vfs_install()
    let fixture = try EngineFixture(
      schema: "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(100000)); PRAGMA wal_checkpoint")
    fault_vfs_plan(fixture.path, Int32(FAULT_READ.rawValue), 0, 1, Self.ioError | 1 << 8, 0)
    let result = try fixture.run("SELECT length(a) FROM t")
    fault_vfs_clear()
    #expect(result.status == .done && result.rows == "[[100000]]")
    #expect(result["attempts"] == "2")
    #expect(fixture.engine.pool.statistics.recycled + fixture.engine.pool.statistics.failed == 1)
  }

  @Test("what looks like damage to one connection only fails no job", arguments: [false, true])
  func passingDamage(isRead: Bool) throws {
    fault_vfs_install()
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a); CREATE TABLE u(a)")
    #expect(try fixture.run("INSERT INTO t VALUES(1)").status == .done)
    let calls = Int32(FAULT_READ.rawValue)
    var hits: Int32 = 0
    for skip in 0..<10 {
      // What another connection writes makes this one read its pages again.
      let other = try Connection(path: fixture.path, role: .writer)
      try other.execute("UPDATE t SET a=1")
      fault_vfs_plan(fixture.path + "-wal", calls, Int32(skip), 1, Self.corrupt, 0)
      let result = try fixture.run(isRead ? "SELECT a FROM t" : "INSERT INTO u SELECT a FROM t")
      hits += fault_vfs_clear()
      #expect(result.status == .done, "\(skip): \(result.message)")
    }
    #expect(hits > 0)
    if !isRead { #expect(try fixture.integer("SELECT count(*) FROM u") == 10) }
  }
}
