import Testing

@testable import Spool

@Suite("Job names")
struct JobNameTests {
  private func meaning(_ name: String) -> JobName.Meaning { JobName.meaning(of: Array(name.utf8)) }

  private func foreign(_ name: [UInt8]) -> String? {
    if case .foreign(let job) = JobName.meaning(of: name) { job.text } else { nil }
  }

  @Test(
    "a good name is a job of the kind its ending says",
    arguments: [
      ("a.json", JobName.Kind.json), ("_x-1.B.sql", .sql), ("0.jsonl", .jsonl),
      ("sql.json", .json), ("a.rows.json", .json), ("a.json.json", .json), ("a.tmp.json", .json),
      (String(repeating: "n", count: 195) + ".json", .json),
    ])
  func accepted(_ name: String, _ kind: JobName.Kind) throws {
    guard case .job(let job) = meaning(name) else {
      Issue.record("\(name) is not accepted")
      return
    }
    #expect(job.text == name && job.kind == kind)
    #expect(JobName(name) == job)
  }

  @Test(
    "names that belong to somebody's unfinished files are left alone",
    arguments: [".x.json", "x.json~", "x.json.tmp", "x.part", "a.swp", ".", "é~", "a b.tmp"])
  func ignored(_ name: String) {
    #expect(meaning(name) == .ignored)
    #expect(JobName(name) == nil)
  }

  @Test(
    "any other name is rejected under its escaped form",
    arguments: [
      ("a b.json", "a%20b.json"), ("-x.json", "%2Dx.json"), ("x.JSON", "x.JSON"), ("x", "x"),
      ("x.sql.json", "x.sql.json"), ("x.jsonl.json", "x.jsonl.json"),
      ("x.rows.jsonl", "x.rows.jsonl"), ("é.json", "%C3%A9.json"), ("a~b.json", "a%7Eb.json"),
      ("a--.txt", "a--.txt"), ("a@b.json", "a%40b.json"), ("%41.json", "%2541.json"),
      (String(repeating: "n", count: 196) + ".json", String(repeating: "n", count: 180)),
    ])
  func escaped(_ name: String, _ expected: String) throws {
    let text = try #require(foreign(Array(name.utf8)))
    let hash = String(CRC32.of(name.utf8), radix: 16)
    #expect(text == expected + "~" + String(repeating: "0", count: 8 - hash.count) + hash)
    #expect(JobName(text)?.kind == .foreign)
  }

  @Test("the hash is the CRC-32 that zlib computes")
  func crc() {
    #expect(CRC32.of("123456789".utf8) == 0xCBF4_3926)
    #expect(CRC32.of("".utf8) == 0)
  }

  @Test("an escaped name is that of no job, the same each time, and different for different files")
  func escapedNamesCollideWithNothing() {
    let seed = UInt64.random(in: 1...UInt64.max)
    var state = seed
    func random(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % below
    }
    let pieces: [[UInt8]] = [
      Array(".json".utf8), Array(".sql".utf8), Array(".jsonl".utf8), Array("~".utf8), [0xFF],
      [0x2D],
      Array("%".utf8), Array("a".utf8), Array("@".utf8), [0x0A], Array("0123abcd".utf8), [0x2E],
    ]
    var names: [String: [UInt8]] = [:]
    for _ in 0..<20_000 {
      var name: [UInt8] = []
      for _ in 0...random(random(10) == 0 ? 60 : 5) { name += pieces[random(pieces.count)] }
      name = Array(name.prefix(255))
      guard let text = foreign(name) else { continue }
      #expect(text == foreign(name), "seed \(seed)")
      #expect(text.utf8.count <= 189, "seed \(seed)")
      if case .job = meaning(text) { Issue.record("\(text) is a job name, seed \(seed)") }
      if case .job = meaning(text + ".json") { Issue.record("\(text) collides, seed \(seed)") }
      let other = names.updateValue(name, forKey: text)
      #expect(other == nil || other == name, "seed \(seed)")
    }
    #expect(names.count > 1000)
  }

  @Test("results have names that no job has")
  func results() throws {
    let script = try #require(JobName("x.sql"))
    let batch = try #require(JobName("x.jsonl"))
    let job = try #require(JobName("x.json"))
    #expect(job.result == "x.json" && job.lineResults == nil)
    #expect(job.rows(format: "csv") == "x.rows.csv")
    #expect(script.result == "x.sql.json")
    #expect(batch.result == "x.jsonl.json" && batch.lineResults == "x.jsonl")
    for name in ["x.sql.json", "x.jsonl.json", "x.rows.jsonl", "x.rows.csv"] {
      if case .job = meaning(name) { Issue.record("\(name) is a job name") }
    }
    #expect(foreign(Array("a b".utf8)).flatMap { JobName($0) }?.result.hasSuffix(".json") == true)
  }
}
