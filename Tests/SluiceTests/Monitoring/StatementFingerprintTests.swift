import Testing

@testable import Sluice

@Suite("The fingerprint of a statement") struct StatementFingerprintTests {
  private func text(_ sql: String) -> String { StatementFingerprint(of: sql).text }

  @Test(
    "leaves out what are values",
    arguments: [
      ("SELECT 1", "select ?"),
      ("SELECT 'it''s', x'00ff', X'', 1.5e-3, .5, 0x1F, 1e+9", "select ?, ?, ?, ?, ?, ?, ?"),
      (
        "SELECT * FROM t WHERE a = ?1 AND b = :b AND c = @c AND d = $d",
        "select * from t where a = ? and b = ? and c = ? and d = ?"
      ),
      ("SELECT a1, t2.c3 FROM t2", "select a1, t2.c3 from t2"),
      ("SELECT (-5), a-5, a - -5, -5, a=-1, b>=+2", "select(?), a - ?, a - - ?, ?, a = ?, b >= ?"),
      ("UPDATE t SET a = NULL WHERE b IS NOT NULL", "update t set a = null where b is not null"),
    ])
  func values(_ sql: String, _ expected: String) { #expect(text(sql) == expected) }

  @Test("is the same whatever white space, comments and case")
  func spelling() {
    let forms = [
      "SELECT a,b FROM t WHERE x=1 AND y<>'z'",
      "select a , b\n\tfrom T -- all of it\n where X = 2 and Y<> 'other' ;",
      "/* who */ Select a,b From t Where x= 77 And y <> 'z';;",
    ]
    #expect(Set(forms.map(StatementFingerprint.init(of:))).count == 1)
    #expect(text(forms[1]) == "select a, b from t where x = ? and y <> ?")
  }

  @Test("keeps quoted names as they are")
  func quotedNames() {
    #expect(
      text(#"SELECT "Two ""Words", [a b], `c` FROM "T""#)
        == #"select "Two ""Words", [a b], `c` from "T""#)
    #expect(StatementFingerprint(of: #"SELECT "A""#) != StatementFingerprint(of: #"SELECT "a""#))
  }

  @Test("does not tell how many values a list or how many rows an INSERT has")
  func lists() {
    #expect(text("SELECT * FROM t WHERE a IN (1,2, 3)") == "select * from t where a in(?, ...)")
    #expect(text("SELECT * FROM t WHERE a IN(?)") == "select * from t where a in(?, ...)")
    #expect(text("SELECT 1 WHERE a IN (1,b)") == "select ? where a in(?, b)")
    #expect(text("INSERT INTO t VALUES (1,'a'),(2,'b') , (3,'c')") == "insert into t values(?, ?)")
    #expect(text("INSERT INTO t VALUES (1,'a')") == "insert into t values(?, ?)")
    #expect(text("VALUES (1),(2,3)") == "values(?), (?, ?)")
    #expect(text("SELECT min(1, 2), begin(1)") == "select min(?, ?), begin(?)")
  }

  @Test("ends with a text that breaks off")
  func brokenOff() {
    for sql in ["SELECT 'abc", "SELECT /* x", "SELECT \"a", "x'", "SELECT (((", ")", "-", "", "1e"]
    {
      #expect(text(sql).utf8.count <= sql.utf8.count + 4, "\(sql)")
    }
  }

  @Test("has a bounded text, cut between characters")
  func bounded() {
    let long = "SELECT " + (0..<2000).map { "ä\($0)" }.joined(separator: ",")
    let fingerprint = StatementFingerprint(of: long)
    #expect(fingerprint.text.utf8.count <= StatementFingerprint.textMax)
    #expect(!fingerprint.text.unicodeScalars.contains("\u{FFFD}"))
  }

  @Test("has an id of sixteen digits that does not change from run to run")
  func id() {
    #expect(StatementFingerprint(of: "select 1").id == "96130602147f279f")
  }
}
