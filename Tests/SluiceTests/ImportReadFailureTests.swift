import Synchronization
import TestSupport
import Testing

@testable import Sluice

@Suite("A file to import that cannot be read")
struct ImportReadFailureTests {
  /// Three rows, of which some attempts get none or two.
  private final class FlakySource: ImportSource {
    /// What the next attempts meet.
    enum Fault { case atOpening, atThirdRow }
    private let faults: Mutex<[Fault]>

    init(_ faults: [Fault]) { self.faults = Mutex(faults) }

    func open(
      _ request: ImportRequest, at place: ImportPlace?
    ) throws(StreamFailure) -> any ImportReader {
      let fault = faults.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      if fault == .atOpening { throw .unreadable("cannot open it") }
      return FlakyReader(failsAtThirdRow: fault == .atThirdRow)
    }
  }

  private final class FlakyReader: ImportReader {
    let header: [String]? = ["a"]
    private let failsAtThirdRow: Bool
    private var rows: Int64 = 0

    init(failsAtThirdRow: Bool) { self.failsAtThirdRow = failsAtThirdRow }

    func next(_ row: inout ImportRow) throws(StreamFailure) -> Bool {
      row.clear()
      if rows == 3 { return false }
      if rows == 2, failsAtThirdRow { throw .unreadable("cannot read it") }
      rows += 1
      row.isText = false
      row.line = Int(rows) + 1
      row.values = [.integer(rows)]
      return true
    }

    func place() throws(StreamFailure) -> ImportPlace {
      ImportPlace(
        offset: rows, line: Int(rows) + 1, device: 1, inode: 1, size: 3, modified: 1, tail: 0)
    }
  }

  private func load(_ faults: [FlakySource.Fault]) throws -> (EngineFixture, TestResult) {
    let fixture = try EngineFixture(schema: "CREATE TABLE t(a)") {
      $0.imports = FlakySource(faults)
    }
    var job = Job("")
    job.statements = []
    job.body = .importFile(ImportRequest(file: "f.csv", table: "t", format: .csv))
    return (fixture, try fixture.run(job))
  }

  @Test("is tried again, and each row is loaded once")
  func passing() throws {
    let (fixture, result) = try load([.atOpening, .atThirdRow])
    #expect(result.status == .done, "\(result.message)")
    #expect(
      try fixture.values("SELECT a FROM t ORDER BY a") == [.integer(1), .integer(2), .integer(3)])
  }

  @Test("fails its job after the retries that it has, with nothing loaded, and holds up no other")
  func lasting() throws {
    let (fixture, result) = try load(Array(repeating: .atThirdRow, count: 9))
    #expect(result.status == .failed)
    #expect(result.code == "SLUICE_BAD_FILE")
    #expect(result.message == "cannot read it")
    #expect(try fixture.integer("SELECT count(*) FROM t") == 0)
    #expect(try fixture.run("INSERT INTO t VALUES(7)").status == .done)
  }
}
