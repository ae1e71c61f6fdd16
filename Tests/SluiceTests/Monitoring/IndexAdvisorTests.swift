import SQLite
import TestSupport
import Testing

@testable import Sluice

@Suite("Indexes that are missing")
struct IndexAdvisorTests {
  private static let schema = """
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name, "home town", city);
    CREATE INDEX customer_city ON customer(city);
    CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, day INTEGER, total);
    CREATE TABLE pair(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(text);
    CREATE VIEW recent AS SELECT * FROM purchase WHERE day > 100;
    """

  private func fill(_ connection: borrowing Connection, rows: Int) throws {
    for target in ["customer(id) SELECT i", "purchase(id) SELECT i", "pair SELECT i, i"] {
      try connection.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows))
        INSERT OR IGNORE INTO \(target) FROM n
        """)
    }
  }

  /// What was seen of a statement that takes 5 ms.
  private func statistics(of sql: String) -> StatementStatistics {
    var histogram = LatencyHistogram()
    histogram.record(nanoseconds: 5_000_000)
    var entry = StatementTable.Entry(fingerprint: StatementFingerprint(of: sql), born: 1)
    entry.histogram = histogram
    return entry.statistics
  }

  /// The advice for statements on a database with `rows` rows in each table.
  private func advice(_ statements: [String], rows: Int = 20_000) throws -> [String?] {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let path = directory + "/main.db"
    let connection = try Connection(path: path, role: .writer)
    try connection.execute(Self.schema)
    try fill(connection, rows: rows)
    return statements.map { sql in
      var advisor = IndexAdvisor(path: path)
      let first = advisor.advice(for: [statistics(of: sql)])
      #expect(advisor.advice(for: [statistics(of: sql)]).isEmpty, "told twice")
      return first.first?.sql
    }
  }

  @Test("a statement that reads all of a large table is told the index that it lacks")
  func missing() throws {
    let found = try advice([
      "SELECT * FROM purchase WHERE customer = 7",
      "SELECT * FROM purchase AS p WHERE p.customer = 7 AND p.day = 3",
      "SELECT * FROM customer WHERE \"home town\" = 'Ulm'",
      "SELECT sum(total) FROM customer c JOIN purchase p ON p.customer = c.id WHERE c.city = 'Ulm'",
      "UPDATE purchase SET total = 0 WHERE day BETWEEN 3 AND 5",
      "DELETE FROM purchase WHERE customer IN (1, 2, 3)",
      "SELECT * FROM pair WHERE b = 1",
    ])
    #expect(found[0] == "CREATE INDEX purchase_customer ON purchase(customer)")
    #expect(
      found[1] == "CREATE INDEX purchase_customer_day ON purchase(customer, day)"
        || found[1] == "CREATE INDEX purchase_day_customer ON purchase(day, customer)")
    #expect(found[2] == #"CREATE INDEX "customer_home town" ON customer("home town")"#)
    #expect(found[3] == "CREATE INDEX purchase_customer ON purchase(customer)")
    #expect(found[4] == "CREATE INDEX purchase_day ON purchase(day)")
    #expect(found[5] == "CREATE INDEX purchase_customer ON purchase(customer)")
    #expect(found[6] == "CREATE INDEX pair_b ON pair(b)")
  }

  @Test(
    "one that sorts or reads all for the first few, or for the least, is told whose order helps")
  func order() throws {
    let found = try advice([
      "SELECT id FROM purchase ORDER BY day LIMIT 1",
      "SELECT total FROM purchase ORDER BY day DESC, customer DESC LIMIT 10 OFFSET 5",
      "SELECT id FROM purchase WHERE customer = 7 ORDER BY day LIMIT 3",
      "SELECT max(day) FROM purchase", "SELECT min(total) FROM purchase WHERE total > 5",
      "SELECT b FROM pair ORDER BY b LIMIT 1",
    ])
    #expect(found[0] == "CREATE INDEX purchase_day ON purchase(day)")
    #expect(found[1] == "CREATE INDEX purchase_day_customer ON purchase(day, customer)")
    #expect(found[2] == "CREATE INDEX purchase_customer_day ON purchase(customer, day)")
    #expect(found[3] == "CREATE INDEX purchase_day ON purchase(day)")
    #expect(found[4] == "CREATE INDEX purchase_total ON purchase(total)")
    #expect(found[5] == "CREATE INDEX pair_b ON pair(b)")
  }

  @Test("a table that has grown, or that could not be looked into, is told of later")
  func later() throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let path = directory + "/main.db"
    let statement = statistics(of: "SELECT * FROM purchase WHERE customer = 7")
    var advisor = IndexAdvisor(path: path)
    let start = MonotonicTime.now()
    func advice(after seconds: Double) -> [String] {
      advisor.advice(for: [statement], now: start.advanced(bySeconds: seconds)).map(\.sql)
    }
    #expect(advice(after: 0).isEmpty)
    let connection = try Connection(path: path, role: .writer)
    try connection.execute(Self.schema)
    try fill(connection, rows: 100)
    #expect(advice(after: 1).isEmpty)
    try fill(connection, rows: 20_000)
    #expect(advice(after: 2).isEmpty, "looked at again too soon")
    #expect(
      advice(after: 2 + IndexAdvisor.againSeconds)
        == ["CREATE INDEX purchase_customer ON purchase(customer)"])
    #expect(advice(after: 3 + 2 * IndexAdvisor.againSeconds).isEmpty, "told twice")
  }

  @Test("nothing is told where an index is used, none would help, or the table is small")
  func noAdvice() throws {
    let fine = [
      "SELECT * FROM customer WHERE city = 'Ulm'", "SELECT * FROM customer WHERE id = 7",
      "SELECT count(*) FROM purchase", "SELECT * FROM purchase WHERE total + 1 = 3",
      "SELECT * FROM words WHERE text MATCH 'x'", "SELECT * FROM nowhere WHERE a = 1",
      "SELECT * FROM pair WHERE a = 1", "PRAGMA user_version", "CREATE TABLE x(a)",
      "SELECT * FROM purchase WHERE", "SELECT id FROM purchase ORDER BY day",
      "SELECT day FROM purchase LIMIT 5", "SELECT day, count(*) FROM purchase GROUP BY day",
      "SELECT max(id) FROM purchase", "SELECT id FROM purchase ORDER BY id DESC LIMIT 3",
    ]
    #expect(try advice(fine).allSatisfy { $0 == nil })
    #expect(try advice(["SELECT * FROM purchase WHERE customer = 7"], rows: 100) == [nil])
  }
}
