import Foundation
import JSON
import Spool
import TestSupport
import Testing

/// SQL that asks for more than there is, through a worker with small bounds.
@Suite("SQL that asks for too much", .serialized) struct HostileSQLTests {
  private static let arguments = [
    "--set", "limits.value_bytes=8MiB", "--set", "limits.sql_memory=64MiB",
    "--set", "query_timeout=1s", "--set", "max_retries=1",
  ]
  private static let long = "printf('%.*c',8000000,'x')"
  private static let hoard = Array(repeating: long, count: 40).joined(separator: ",")
  private static let endless =
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT count(*) FROM r"

  private struct Case {
    var sql: String
    var code: String
    var word: String

    init(_ sql: String, _ code: String, _ word: String) {
      (self.sql, self.code, self.word) = (sql, code, word)
    }
  }

  private static let refused = [
    Case("SELECT zeroblob(1000000000)", "SQLITE_TOOBIG", "too big"),
    Case("INSERT INTO t VALUES(zeroblob(1000000000))", "SQLITE_TOOBIG", "too big"),
    Case("SELECT length(replace(\(long),'x','yy'))", "SQLITE_TOOBIG", "too big"),
    Case("SELECT \(hoard)", "SQLITE_NOMEM", "memory"),
    Case("CREATE TABLE h AS SELECT \(hoard)", "SQLITE_NOMEM", "memory"),
    Case(
      "SELECT 1 FROM " + (0..<500).map { "t AS t\($0)" }.joined(separator: ","), "SQLITE_ERROR",
      "FROM clause terms"),
    Case(
      "SELECT " + Array(repeating: "1", count: 1500).joined(separator: "+"), "SQLITE_ERROR",
      "maximum depth 1000"),
    Case(
      "SELECT " + String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000),
      "SQLITE_ERROR", "stack"),
    Case(
      Array(repeating: "SELECT 1", count: 600).joined(separator: " UNION ALL "), "SQLITE_ERROR",
      "too many terms"),
    Case(
      "SELECT " + Array(repeating: "1", count: 3000).joined(separator: ","), "SQLITE_ERROR",
      "too many columns"),
    Case(
      "SELECT 'x' LIKE '" + String(repeating: "%a", count: 2000) + "'", "SQLITE_ERROR",
      "too complex"),
    Case(
      "SELECT 'x' GLOB '" + String(repeating: "*a", count: 2000) + "'", "SQLITE_ERROR", "complex"),
    Case(endless, "SLUICE_TIMEOUT", "1.0 s"),
    Case("INSERT INTO t " + endless, "SLUICE_TIMEOUT", "1.0 s"),
  ]

  /// What SQLite's own functions would need minutes for, in one step that nothing ends.
  private static let quick = [
    "SELECT instr(printf('%.*c',4000000,'a'),printf('%.*c',400000,'a')||'b')",
    "SELECT length(replace(printf('%.*c',4000000,'a'),printf('%.*c',400000,'a')||'b',''))-4000000",
    "SELECT length(trim(printf('%.*c',20000,'a'),printf('%.*c',20000,'b')||'a'))",
  ]

  private func peak(_ live: LiveSpool) -> Int {
    let status = try? String(
      contentsOfFile: "/proc/\(live.worker.child.pid)/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? .max
  }

  @Test("fails alone with a clear error, in bounded memory, and others are done meanwhile")
  func bounded() throws {
    let live = try LiveSpool(Self.arguments)
    defer { live.stop() }
    try live.make("CREATE TABLE t(a)")
    let before = peak(live)
    for (number, hostile) in Self.refused.enumerated() {
      try live.spool.drop("n\(number).json", #"{"sql":"INSERT INTO t VALUES(\#(number))"}"#)
      let result = try live.run("h.json", "{\"sql\":\"\(hostile.sql)\"}")
      let start = hostile.sql.prefix(60)
      #expect(
        result.status == "failed" && result.errorCode == hostile.code, "\(start): \(result.message)"
      )
      #expect(result.message.contains(hostile.word), "\(start): \(result.message)")
      #expect(result.errorFault() == nil, "\(start)")
      #expect(try live.spool.awaitedResult("n\(number).json").status == "done")
    }
    for sql in Self.quick {
      let result = try live.run("q.json", "{\"sql\":\"\(sql)\"}")
      #expect(result.firstValue?.integer == 0, "\(sql): \(result.message)")
    }
    #expect(try live.rows("SELECT count(*) FROM t") == ["\(Self.refused.count)"])
    #expect(!isMemoryOwn || peak(live) - before < 160_000, "\(before) → \(peak(live)) KiB")
  }

  /// A schema by somebody who means ill, made where none of the worker's rules hold.
  private static let tampered = """
    CREATE TABLE t(a);
    CREATE TABLE u(a);
    CREATE TABLE c(a CHECK(load_extension('/tmp/none')));
    CREATE VIEW v AS SELECT load_extension('/tmp/none') AS x;
    CREATE TRIGGER tr AFTER INSERT ON u BEGIN SELECT load_extension('/tmp/none'); END;
    CREATE VIEW f AS SELECT fts3_tokenizer('simple') AS x;
    CREATE VIEW w AS SELECT sql FROM sqlite_schema;
    CREATE TRIGGER tw AFTER UPDATE ON t BEGIN DELETE FROM _sluice_ledger; END;
    """

  @Test(
    "a schema that calls what only its maker may call is of no use to that one",
    .enabled(if: SQLiteShell.isThere, "there is no sqlite3 shell here"))
  func tamperedSchema() throws {
    let spool = try TemporarySpool()
    _ = try SQLiteShell.run(spool.path + "/main.db", Self.tampered)
    let worker = try WorkerProcess.started(on: spool)
    for (number, sql) in [
      "INSERT INTO c VALUES(1)", "SELECT x FROM v", "INSERT INTO u VALUES(1)", "SELECT x FROM f",
      "SELECT load_extension('/tmp/none')", "SELECT edit('x')", "UPDATE t SET a=1",
      "PRAGMA writable_schema=ON", "UPDATE sqlite_schema SET sql='x'", "PRAGMA trusted_schema=ON",
    ].enumerated() {
      try spool.drop("t\(number).json", "{\"sql\":\"\(sql)\"}")
      let result = try spool.awaitedResult("t\(number).json")
      #expect(result.status == "failed" || result.status == "rejected", "\(sql)")
      #expect(result.errorFault() == nil, "\(sql)")
    }
    try spool.drop("good.json", #"{"sql":"INSERT INTO t VALUES(1)"}"#)
    #expect(try spool.awaitedResult("good.json").status == "done")
    worker.stop()
  }

  @Test(
    "a schema that cannot be read stops the start with one line",
    .enabled(if: SQLiteShell.isThere, "there is no sqlite3 shell here"))
  func malformedSchema() throws {
    let spool = try TemporarySpool()
    _ = try SQLiteShell.run(
      spool.path + "/main.db", ".dbconfig defensive off", "CREATE TABLE m(a)",
      "PRAGMA writable_schema=ON", "UPDATE sqlite_schema SET sql='CREATE TABLE m(a' WHERE name='m'")
    let run = try WorkerProcess.once(on: spool, within: 20)
    #expect(run.end != nil && run.end != .exited(0))
    #expect(run.errors.contains("malformed") && run.errors.contains("main.db"), "\(run.errors)")
  }
}
