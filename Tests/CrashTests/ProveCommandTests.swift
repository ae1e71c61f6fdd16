import Glibc
import JSON
import SQLite
import Spool
import TestSupport
import Testing

extension CrashTests {
  @Suite("sluice prove") struct ProveCommandTests {
    private let place: Directory

    init() throws { place = try Directory(path: TemporarySpool.makeDirectory()) }

    /// Runs it to its end; its answer goes to a file of the place.
    private func prove(
      seconds: Int, while body: (ChildProcess) throws -> Void = { _ in }
    ) throws -> (end: ChildProcess.End?, answer: JSONNode?) {
      let command = "exec \"$0\" prove --json --seconds \(seconds) \"$1\" > \"$1/answer.json\""
      let child = try ChildProcess(
        "sh", ["-c", command, WorkerProcess.executable, place.path])
      try body(child)
      let end = child.wait(within: 100)
      let bytes = try place.contents("answer.json") ?? []
      return (end, try? JSONReader.parse(bytes))
    }

    private var scratches: [String] {
      names(of: place.path).filter { $0.hasPrefix("sluice-prove-") }
    }

    private func names(of path: String) -> [String] {
      var names: [String] = []
      guard let reader = opendir(path) else { return names }
      defer { closedir(reader) }
      while let entry = readdir(reader) {
        names.append(
          withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
          })
      }
      return names
    }

    @Test("counts no effect lost or doubled by kills, and leaves nothing behind")
    func proved() async throws {
      defer { TemporarySpool.remove(place.path) }
      let run = try await onOwnThread { try prove(seconds: 3) }
      #expect(run.end == .exited(0))
      #expect(run.answer?["ok"]?.bool == true)
      #expect((run.answer?["kills"]?.integer ?? 0) > 3)
      #expect((run.answer?["jobs"]?.integer ?? 0) > 20)
      for count in ["lost", "doubled", "anomalies"] {
        #expect(run.answer?[count]?.integer == 0, "\(count)")
      }
      #expect(scratches.isEmpty)
    }

    @Test("a worker whose ledger forgets is caught, and what there is stays")
    func forgetfulLedger() async throws {
      defer { TemporarySpool.remove(place.path) }
      let run = try await onOwnThread { try prove(seconds: 30) { try sabotage($0) } }
      #expect(run.end == .exited(1))
      #expect(run.answer?["ok"]?.bool == false)
      #expect((run.answer?["doubled"]?.integer ?? 0) > 0)
      #expect(run.answer?["scratch"]?.string == scratches.first.map { place.path + "/" + $0 })
    }

    /// As if the worker wrote no ledger: each row is removed in the transaction that adds it. Ends
    /// the proof as soon as there is something to be found.
    private func sabotage(_ proof: ChildProcess) throws {
      let isThere = eventually {
        scratches.first.map { access("\(place.path)/\($0)/main.db", F_OK) == 0 } ?? false
      }
      guard isThere, let scratch = scratches.first else { throw NoScratch() }
      let connection = try Connection(path: "\(place.path)/\(scratch)/main.db", role: .writer)
      let isForgetful = eventually {
        (try? connection.execute("SELECT 1 FROM member")) != nil
          && (try? connection.execute(
            """
            CREATE TRIGGER forget AFTER INSERT ON main._sluice_ledger
            BEGIN DELETE FROM _sluice_ledger WHERE key=new.key; END
            """)) != nil
      }
      guard isForgetful else { throw NoScratch() }
      let statement = try connection.prepareOwn(
        "SELECT max(n) FROM (SELECT count(*) n FROM member GROUP BY job)")
      _ = try eventually(within: 60) {
        defer { statement.reset() }
        guard try statement.step(), case .integer(let most) = statement.value(0) else {
          return false
        }
        return most > 1
      }
      proof.send(SIGTERM)
    }

    private struct NoScratch: Error {}
  }
}
