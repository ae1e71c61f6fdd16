import SQLite
import TestSupport
import Testing

@testable import Sluice

@Suite("Cache rules")
struct CacheRulesTests {
  private func rules(_ pairs: (String, Double)...) -> CacheRules {
    CacheRules(pairs.map { CacheRules.Rule(match: $0.0, seconds: $0.1) })
  }

  @Test("white space and case make no difference")
  func collapsed() {
    let rules = rules(("select *\n  from Country*", 60))
    #expect(rules.seconds(forSQL: "  SELECT *\tFROM  country\r\nWHERE id = ?  ") == 60)
    #expect(rules.seconds(forSQL: "SELECT * FROM county") == nil)
    #expect(rules.seconds(forSQL: "SELECT id FROM country") == 60)
  }

  @Test("the first rule that matches counts, and 0 keeps what matches out")
  func order() {
    let both = rules(("SELECT * FROM a*", 0), ("*", 5))
    #expect(both.seconds(for: Job("SELECT * FROM ab")) == nil)
    #expect(both.seconds(for: Job("SELECT * FROM b")) == 5)
    #expect(CacheRules().seconds(for: Job("SELECT 1")) == nil)
  }

  @Test("what the job says comes before the rules")
  func job() {
    let rules = rules(("*", 5))
    #expect(rules.seconds(for: Job("SELECT 1").with { $0.cacheSeconds = 60 }) == 60)
    #expect(rules.seconds(for: Job("SELECT 1").with { $0.cacheSeconds = 0 }) == nil)
  }

  @Test("of several statements every one must match, and the shortest time counts")
  func several() {
    let rules = rules(("*FROM a", 5), ("*FROM b", 3))
    let a = JobStatement("SELECT 1 FROM a")
    let b = JobStatement("SELECT 1 FROM b")
    let c = JobStatement("SELECT 1 FROM c")
    #expect(rules.seconds(for: Job(statements: [a, b])) == 3)
    #expect(rules.seconds(for: Job(statements: [a, c])) == nil)
  }

  @Test("20000 random patterns match what SQLite's GLOB matches")
  func oracle() throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let connection = try Connection(path: directory + "/x.db", role: .writer)
    let glob = try connection.prepareOwn("SELECT lower(?1) GLOB lower(?2)")
    var random = SeededGenerator(seed: 5)
    let letters = Array("abABé*?[]^-")
    let signs = Array("abABé]^-")
    func text(_ from: [Character], _ most: Int) -> String {
      String(
        (0..<Int.random(in: 0...most, using: &random)).map { _ in
          from[Int.random(in: 0..<from.count, using: &random)]
        })
    }
    for _ in 0..<20000 {
      let pattern = text(letters, 7)
      let subject = text(signs, 6)
      try glob.bind(.text(subject), at: 1)
      try glob.bind(.text(pattern), at: 2)
      #expect(try glob.step())
      let expected = glob.integer(0) != 0
      glob.reset()
      #expect(GlobPattern(pattern).matches(subject) == expected, "\(subject) GLOB \(pattern)")
    }
  }
}
