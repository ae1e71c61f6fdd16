import Testing

@testable import Sluice

@Suite("The table of fingerprints") struct StatementTableTests {
  private let now = Timestamp(nanoseconds: 1)

  private func fingerprint(_ number: Int) -> StatementFingerprint {
    StatementFingerprint(of: "SELECT column\(number)x FROM t")
  }

  private func run(
    _ number: Int, _ table: inout StatementTable, nanoseconds: Int64 = 1000
  ) -> Int64? {
    let sample = StatementSample(tag: table.tag(of: fingerprint(number)), nanoseconds: nanoseconds)
    return table.add(sample, now: now)
  }

  @Test("stays bounded, and counts what finds no place among the others")
  func bounded() {
    var table = StatementTable()
    for number in 0..<2000 { _ = run(number, &table) }
    #expect(table.entries.count == StatementTable.capacity)
    let others = table.statistics.first { $0.fingerprint == .others }
    #expect(others?.count == 2000 - (StatementTable.capacity - 1))
    #expect(table.statistics.reduce(0) { $0 + $1.count } == 2000)
  }

  @Test("gives the places of what does not run any more to what does, and loses no count")
  func makesRoom() {
    var table = StatementTable()
    for number in 0..<600 { _ = run(number, &table) }
    table.refresh()
    #expect(table.forgotten > 0)
    // Ran before room was made: its old tag must not be taken for the new owner's.
    for _ in 0..<5 { _ = run(1000, &table) }
    let late = table.statistics.first { $0.fingerprint == fingerprint(1000) }
    #expect(late?.count == 5)
    #expect(table.statistics.reduce(0) { $0 + $1.count } == 605)
  }

  @Test("a tag from before a place was given away counts among the others")
  func staleTag() {
    var table = StatementTable()
    let tags = (0..<600).map { table.tag(of: fingerprint($0)) }
    for tag in tags { _ = table.add(StatementSample(tag: tag, nanoseconds: 1), now: now) }
    table.refresh()
    for number in 2000..<2200 { _ = run(number, &table) }
    for tag in tags { _ = table.add(StatementSample(tag: tag, nanoseconds: 1), now: now) }
    for number in 2000..<2100 {
      let count = table.statistics.first { $0.fingerprint == fingerprint(number) }?.count
      #expect(count == 1 || count == nil)
    }
    #expect(table.statistics.reduce(0) { $0 + $1.count } == 1400)
  }

  @Test("what runs goes on having its place while others come and go")
  func keepsBusy() {
    var table = StatementTable()
    for round in 0..<20 {
      for number in 0..<10 { _ = run(number, &table, nanoseconds: 50_000) }
      for number in 0..<600 { _ = run(10_000 + round * 600 + number, &table) }
      table.refresh()
    }
    for number in 0..<10 {
      #expect(table.statistics.first { $0.fingerprint == fingerprint(number) }?.count == 20)
    }
  }

  @Test("knows after a hundred runs what is usual, and tells what is not")
  func unusual() {
    var table = StatementTable()
    for _ in 0..<100 { #expect(run(1, &table, nanoseconds: 2_000_000) == nil) }
    #expect(run(1, &table, nanoseconds: 50_000_000) == nil)
    table.refresh()
    #expect(run(1, &table, nanoseconds: 19_000_000) == nil)
    let usual = run(1, &table, nanoseconds: 50_000_000)
    #expect(usual.map { abs($0 - 2_000_000) < 50_000 } == true)
  }
}
