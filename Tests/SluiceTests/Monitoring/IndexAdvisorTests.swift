import SQLite
import TestSupport
import Testing

@testable import Sluice

@Suite("Indexes that are missing")
struct IndexAdvisorTests {
  /// The advice for statements on a database with `rows` rows in each table.
  private func advice(_ statements: [String], rows: Int = 20_000) throws -> [String?] {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let path = directory + "/main.db"
    let connection = try Connection(path: path, role: .writer)
    try connection.execute(
      """
      CREATE TABLE customer(id INTEGER PRIMARY KEY, name, "home town", city);
      CREATE INDEX customer_city ON customer(city);
      CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, day INTEGER, total);
      CREATE TABLE pair(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;
      CREATE VIRTUAL TABLE words USING fts5(text);
      CREATE VIEW recent AS SELECT * FROM purchase WHERE day > 100;
      INSERT INTO customer(id) VALUES(\(rows));
      INSERT INTO purchase(id) VALUES(\(rows));
      """)
    return statements.map { sql in
      var histogram = LatencyHistogram()
      histogram.record(nanoseconds: 5_000_000)
      var entry = StatementTable.Entry(fingerprint: StatementFingerprint(of: sql), born: 1)
      entry.histogram = histogram
      var advisor = IndexAdvisor(path: path)
      let first = advisor.advice(for: [entry.statistics])
      #expect(advisor.advice(for: [entry.statistics]).isEmpty, "told twice")
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
      "SELECT id FROM purchase ORDER BY day LIMIT 1",
    ])
    #expect(found[0] == "CREATE INDEX purchase_customer ON purchase(customer)")
    #expect(
      found[1] == "CREATE INDEX purchase_customer_day ON purchase(customer, day)"
        || found[1] == "CREATE INDEX purchase_day_customer ON purchase(day, customer)")
    #expect(found[2] == #"CREATE INDEX "customer_home town" ON customer("home town")"#)
    #expect(found[3] == "CREATE INDEX purchase_customer ON purchase(customer)")
    #expect(found[4] == "CREATE INDEX purchase_day ON purchase(day)")
    #expect(found[5] == "CREATE INDEX purchase_customer ON purchase(customer)")
  }

  @Test("nothing is told where an index is used, none would help, or the table is small")
  func noAdvice() throws {
    let fine = [
      "SELECT * FROM customer WHERE city = 'Ulm'", "SELECT * FROM customer WHERE id = 7",
      "SELECT count(*) FROM purchase", "SELECT * FROM purchase WHERE total + 1 = 3",
      "SELECT * FROM words WHERE text MATCH 'x'", "SELECT * FROM nowhere WHERE a = 1",
      "SELECT * FROM pair WHERE b = 1", "PRAGMA user_version", "CREATE TABLE x(a)",
      "SELECT * FROM purchase WHERE",
    ]
    #expect(try advice(fine).allSatisfy { $0 == nil })
    #expect(try advice(["SELECT * FROM purchase WHERE customer = 7"], rows: 100) == [nil])
  }
}
