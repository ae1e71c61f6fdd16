import Foundation
import TestSupport
import Testing

@testable import SQLite

/// A database of its own in a new directory.
private final class Scratch {
  let directory: String
  var path: String { directory + "/main.db" }

  init() throws { directory = try TemporarySpool.makeDirectory() }

  deinit { TemporarySpool.remove(directory) }
}

@Suite("Connection")
struct ConnectionTests {
  private func prepared(
    _ connection: borrowing Connection, _ sql: String, _ subject: Authorizer.Subject = .writer
  ) throws -> Statement {
    try #require(try connection.prepare(sql, subject: subject)).statement
  }

  private func values(_ connection: borrowing Connection, _ sql: String) throws -> [Value] {
    let statement = try connection.prepareOwn(sql)
    var values: [Value] = []
    while try statement.step() { values.append(statement.value(0)) }
    return values
  }

  @Test(
    "a writer of a file that can only be opened for reading says so, and does not wait for ever")
  func unwritable() throws {
    // Nobody may write to a program that runs, not even root.
    let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    do {
      _ = try Connection(path: path, role: .writer)
      Issue.record("it was opened")
    } catch {
      #expect(error.name == "SQLITE_CANTOPEN")
      #expect(error.message.contains("cannot be opened for writing"))
    }
  }

  @Test("a writer makes the file, in WAL mode, synced in full, without checkpoints of its own")
  func writer() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    #expect(try values(connection, "PRAGMA journal_mode") == [.text("wal")])
    #expect(try values(connection, "PRAGMA synchronous") == [.integer(2)])
    #expect(try values(connection, "PRAGMA wal_autocheckpoint") == [.integer(0)])
    try connection.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    #expect(connection.walPages > 0)
  }

  @Test("the WAL stays when the last connection closes")
  func close() throws {
    let scratch = try Scratch()
    do {
      let connection = try Connection(path: scratch.path, role: .writer)
      try connection.execute("CREATE TABLE t(a)")
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: scratch.path + "-wal")
    #expect(attributes[.size] as? Int ?? 0 > 0)
  }

  @Test("a reader neither makes a file nor writes to one")
  func reader() throws {
    let scratch = try Scratch()
    let missing = #expect(throws: SQLiteError.self) {
      _ = try Connection(path: scratch.path, role: .reader)
    }
    #expect(missing?.primaryCode == 14)
    let writer = try Connection(path: scratch.path, role: .writer)
    try writer.execute("CREATE TABLE t(a)")
    let reader = try Connection(path: scratch.path, role: .reader)
    let refused = #expect(throws: SQLiteError.self) {
      try reader.execute("INSERT INTO t VALUES(1)")
    }
    #expect(refused?.name == "SQLITE_READONLY")
  }

  @Test("a database that cannot have a WAL is refused rather than served without")
  func memory() throws {
    let error = #expect(throws: SQLiteError.self) {
      _ = try Connection(path: ":memory:", role: .writer)
    }
    #expect(error?.message.contains("WAL") == true)
  }

  @Test("a file that is no database is refused with SQLite's own code")
  func notADatabase() throws {
    let scratch = try Scratch()
    try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: scratch.path))
    let error = #expect(throws: SQLiteError.self) {
      _ = try Connection(path: scratch.path, role: .writer)
    }
    #expect(error?.name == "SQLITE_NOTADB")
  }

  @Test("statements of one text are compiled one after the other, up to the end")
  func severalStatements() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    let sql = " ; SELECT 1; -- one\n /* two; */ SELECT 'a;b' ;; \n-- end"
    var offset = 0
    var found: [Value] = []
    while let (statement, end) = try connection.prepare(sql, from: offset, subject: .writer) {
      offset = end
      #expect(try statement.step())
      found.append(statement.value(0))
      statement.reset()
    }
    #expect(found == [.integer(1), .text("a;b")])
    #expect(try connection.prepare("", subject: .writer) == nil)
    #expect(try connection.prepare(" -- nothing", subject: .writer) == nil)
  }

  @Test("a text with a NUL is an error where the NUL stands")
  func nul() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    let sql = "SELECT 1;\0 SELECT 2"
    let (_, end) = try #require(try connection.prepare(sql, subject: .writer))
    let error = #expect(throws: SQLiteError.self) {
      _ = try connection.prepare(sql, from: end, subject: .writer)
    }
    #expect(error?.message.contains("NUL") == true)
  }

  @Test("a statement is compiled once; one that sets a PRAGMA each time")
  func cache() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer, statements: 4)
    let first = try prepared(connection, "SELECT 1")
    #expect(try prepared(connection, "SELECT 1") === first)
    #expect(try prepared(connection, "SELECT 1 -- other") !== first)
    let pragma = try prepared(connection, "PRAGMA user_version=1")
    #expect(try prepared(connection, "PRAGMA user_version=1") !== pragma)
    for number in 0..<20 { _ = try prepared(connection, "SELECT \(number)+1") }
    #expect(connection.statementCacheStatistics.kept <= 4)
    #expect(try first.step() && first.integer(0) == 1)
  }

  @Test("what was just used outlives the cache's clearing out")
  func eviction() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer, statements: 8)
    let hot = try prepared(connection, "SELECT 'hot'")
    for number in 0..<50 {
      _ = try prepared(connection, "SELECT \(number)")
      #expect(try prepared(connection, "SELECT 'hot'") === hot)
    }
  }

  @Test("what a statement does is known from compiling it")
  func traits() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    try connection.execute("CREATE TABLE t(a)")
    for (sql, traits) in [
      ("INSERT INTO t VALUES(1)", [.writesRows]), ("SELECT a FROM t", []),
      ("WITH x AS (SELECT 1) DELETE FROM t", [.writesRows]), ("EXPLAIN DELETE FROM t", []),
      ("CREATE TABLE u(a)", [.schemaChange]),
      ("CREATE TEMP TABLE u(a)", [.schemaChange, .temporary]),
      ("SELECT changes()", [.counters, .volatile]), ("SELECT random()", [.volatile]),
      ("PRAGMA foreign_keys=ON", [.settingPragma, .foreignKeysPragma, .volatile]),
      ("PRAGMA page_count", [.volatile, .introspection]), ("COMMIT", [.transactionControl]),
    ] as [(String, StatementTraits)] {
      #expect(try prepared(connection, sql).traits == traits, "\(sql)")
    }
  }

  @Test("what is refused is refused with the reason, and only to jobs")
  func authorizer() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    #expect(throws: SQLiteError.self) {
      _ = try connection.prepare("ATTACH 'x' AS y", subject: .writer)
    }
    #expect(connection.authorizer.denial?.message == "ATTACH is not allowed")
    _ = try prepared(connection, "SELECT 1")
    #expect(connection.authorizer.denial == nil)
    #expect(throws: SQLiteError.self) {
      _ = try connection.prepare("PRAGMA user_version=1", subject: .reader)
    }
    #expect(connection.authorizer.denial?.needsWriter == true)
    try connection.execute("CREATE TABLE _sluice_x(a)")
  }

  @Test("a statement is stopped at its deadline, and the next one is not")
  func interrupt() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    let endless = try prepared(
      connection,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n")
    connection.interrupt.arm()
    connection.interrupt.extend(deadline: 1)
    let error = #expect(throws: SQLiteError.self) { try endless.run() }
    #expect(error?.name == "SQLITE_INTERRUPT" && connection.interrupt.reason == .timeout)
    connection.interrupt.arm()
    #expect(try prepared(connection, "SELECT 1").step())
    // The first reason counts.
    connection.interrupt.stop(.cancelled)
    connection.interrupt.stop(.stopping)
    #expect(throws: SQLiteError.self) { try endless.run() }
    #expect(connection.interrupt.reason == .cancelled)
  }

  @Test("the engine's own statements run on after the deadline of a job")
  func ownStatements() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    connection.interrupt.arm()
    connection.interrupt.extend(deadline: 1)
    #expect(
      try values(
        connection,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<9999) SELECT max(i) FROM n"
      ) == [.integer(9999)])
  }

  @Test("a long run is noticed once, on its thread")
  func longRun() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .reader, scratch)
    var calls = 0
    connection.onLongRun(after: 0) { calls += 1 }
    let sql =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<9999) SELECT max(i) FROM n"
    try prepared(connection, sql, .reader).run()
    try prepared(connection, sql, .reader).run()
    #expect(calls == 1)
  }

  @Test("values come back as they were bound")
  func values() throws {
    let scratch = try Scratch()
    let connection = try Connection(path: scratch.path, role: .writer)
    let echo = try connection.prepareOwn("SELECT ?")
    for value in [
      Value.null, .integer(.min), .real(-0.5), .text(""), .text("é\0z"), .blob([]), .blob([0, 1]),
    ] {
      try echo.bind(value, at: 1)
      #expect(try echo.step())
      #expect(echo.value(0) == value)
      echo.reset()
    }
    #expect(throws: SQLiteError.self) { try echo.bind(.null, at: 2) }
    #expect(try values(connection, "SELECT CAST(x'ff' AS TEXT)") == [.blob([255])])
  }
}

extension Connection {
  /// A reader of a database that is made first.
  fileprivate init(path: String, role: Role, _ scratch: Scratch) throws {
    _ = try Connection(path: path, role: .writer)
    try self.init(path: path, role: role)
  }
}
