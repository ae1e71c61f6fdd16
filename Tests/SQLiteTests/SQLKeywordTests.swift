import Testing

@testable import SQLite

@Suite("SQLKeyword")
struct SQLKeywordTests {
  @Test("the first word decides, whatever white space, comments and semicolons stand before it")
  func firstWord() {
    for (sql, keyword) in [
      ("SELECT 1", .select), ("  select", .select), ("\n\t;; -- x\n/* y; */Insert into", .insert),
      ("VALUES(1)", .values), ("with x as", .with), ("end", .commit), ("COMMIT", .commit),
      ("SELECTED", .other), ("create table", .other), ("(SELECT 1)", .other), ("", .none),
      ("-- only", .none), ("/* open", .none), ("/**/ -- \n;", .none), ("/", .other), ("-", .other),
    ] as [(String, SQLKeyword)] {
      #expect(SQLKeyword(of: sql) == keyword, "\(sql)")
    }
  }

  @Test("only what may be read-only is looked at by a reader")
  func mayRead() {
    #expect(
      ["SELECT", "VALUES", "WITH", "EXPLAIN", "PRAGMA"].allSatisfy { SQLKeyword(of: $0).mayRead })
    #expect(!["INSERT", "BEGIN", "CREATE", "ANALYZE", ""].contains { SQLKeyword(of: $0).mayRead })
  }
}
