import JSON
import Spool
import TestSupport
import Testing

/// Imports of many chunks, beside which something happens.
@Suite("Long imports", .serialized) struct LongImportTests {
  private static let rows = 60_000
  private let spool: TemporarySpool

  init() throws {
    spool = try TemporarySpool()
    try spool.work("table.json", #"{"sql":"CREATE TABLE t(a,b); CREATE TABLE u(a)"}"#)
    var content = "a,b\n"
    for row in 1...Self.rows { content += "\(row),\"row \(row)\"\n" }
    try spool.put("f.csv", content)
  }

  private func started() throws -> WorkerProcess {
    let worker = try WorkerProcess.started(on: spool)
    try spool.drop("x.json", #"{"import":{"file":"f.csv","table":"t"},"priority":"low"}"#)
    #expect(try eventually { try spool.lines("SELECT count(*)>0 FROM t") == ["1"] })
    return worker
  }

  @Test("an urgent write passes it, and every row is loaded once")
  func urgent() throws {
    let worker = try started()
    try spool.drop("u.json", #"{"sql":"INSERT INTO u SELECT count(*) FROM t"}"#, lane: .urgent)
    let urgent = try spool.awaitedResult("u.json")
    let result = try spool.awaitedResult("x.json", within: 60)
    #expect(worker.stop() == .exited(0))
    #expect((urgent["commit"]?.integer ?? .max) < (result["commit"]?.integer ?? 0))
    #expect(result["imported"]?.integer == Int64(Self.rows))
    let counts = try spool.lines("SELECT count(*), count(DISTINCT a) FROM t")
    #expect(counts == ["\(Self.rows)|\(Self.rows)"])
    #expect(try spool.lines("SELECT a<\(Self.rows) FROM u") == ["1"])
    #expect(try spool.lines("SELECT count(*) FROM _sluice_imports") == ["0"])
  }

  @Test("a file that is replaced meanwhile ends it, and the result says how far it came")
  func replaced() throws {
    let worker = try started()
    try spool.layout.tmp.create("new").write(Array("a,b\n1,other\n".utf8))
    try spool.layout.tmp.rename("new", to: spool.layout.data, "f.csv")
    let result = try spool.awaitedResult("x.json", within: 60)
    #expect(worker.stop() == .exited(0))
    #expect(result.status == "failed")
    #expect(result.code == "SLUICE_BAD_FILE")
    let imported = result["imported"]?.integer ?? -1
    #expect(try spool.lines("SELECT count(*) FROM t") == ["\(imported)"])
    #expect(result["committed_through"]?.integer == imported + 1)
    let left = try spool.text(spool.layout.failed, "x.json")
    #expect(left?.contains("\"from_line\":\(imported + 2),") == true)
  }

  @Test("a worker that is stopped in order goes on at its next start")
  func stopped() throws {
    let worker = try started()
    #expect(worker.stop() == .exited(0))
    #expect(try WorkerProcess.once(on: spool).end == .exited(0))
    #expect(try spool.parsedResult("x.json")?["imported"]?.integer == Int64(Self.rows))
    let counts = try spool.lines("SELECT count(*), count(DISTINCT a) FROM t")
    #expect(counts == ["\(Self.rows)|\(Self.rows)"])
  }
}
