import JSON
import SQLite
import Spool
import TestSupport
import Testing

/// What became of the mixed load, against what its names say must become of it.
struct LoadVerdict {
  private let spool: TemporarySpool
  /// Names of jobs, each with the number of workers that died while it was in flight.
  private let deaths: [String: Int]
  private var problems: [String] = []
  private var results: Set<String> = []
  private var failed: Set<String> = []
  private var effects: Set<String> = []
  private var items: Set<String> = []
  private var children: Set<String> = []
  private var counted: Int64 = 0

  /// Checks everything; for a spool on which no worker runs.
  ///
  /// - Parameters:
  ///   - names: the files that were dropped.
  ///   - deaths: how many workers died while they ran a job, by its name; three excuse a
  ///     `SLUICE_POISON`.
  static func check(
    _ spool: TemporarySpool, dropped names: [String], deaths: [String: Int] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var verdict = LoadVerdict(spool: spool, deaths: deaths)
    for name in names { try verdict.judge(name) }
    try verdict.compareTables()
    verdict.compareDirectories()
    for problem in verdict.problems.prefix(20) {
      Issue.record("\(problem)", sourceLocation: sourceLocation)
    }
    #expect(verdict.problems.count == 0, sourceLocation: sourceLocation)
  }

  private init(spool: TemporarySpool, deaths: [String: Int]) {
    self.spool = spool
    self.deaths = deaths
  }

  private mutating func judge(_ name: String) throws {
    guard let kind = LoadKind(ofName: name) else {
      return problems.append("\(name) is none of the load")
    }
    let job = JobName.text(ofFile: name)
    let resultName = kind == .badname ? job + ".json" : job
    results.insert(resultName)
    guard let result = try parsed(resultName) else { return }
    if result.status != "done" { failed.insert(job) }
    let isPoison = result.errorCode == "SLUICE_POISON"
    if isPoison {
      let count = deaths[job, default: 0]
      if count < 3 { problems.append("\(name) is SLUICE_POISON after \(count) deaths") }
    } else if result.status != kind.status {
      problems.append(
        "\(name): \(result.status ?? "no status"), \(result["error"]?["message"]?.string ?? "-")")
    }
    let isCommitted = kind.hasEffect && !isPoison
    if (result.commit != nil) != isCommitted { problems.append("\(name): a wrong commit") }
    if isCommitted { expectEffect(of: kind, LoadKind.key(ofName: name)) }
  }

  private mutating func expectEffect(of kind: LoadKind, _ key: String) {
    if kind == .rows {
      items.insert(key)
    } else {
      effects.insert(key)
    }
    if kind == .refs { children.insert(key) }
    if kind == .counter { counted += 1 }
  }

  private mutating func parsed(_ name: String) throws -> JSONNode? {
    do {
      if let result = try spool.parsedResult(name) { return result }
      problems.append("no result \(name)")
    } catch let error as JSONError {
      problems.append("\(name) is no JSON: \(error)")
    }
    return nil
  }

  private mutating func compareTables() throws {
    try compare("effect", "SELECT job, count(*) FROM effect GROUP BY job", effects, each: 1)
    try compare(
      "item", "SELECT job, count(*) FROM item GROUP BY job", items,
      each: Int64(LoadKind.rowsOfAJob))
    let joined = "SELECT p.job, count(*) FROM parent p JOIN child c ON p.id=c.parent GROUP BY 1"
    try compare("child", joined, children, each: 1)
    let count = try spool.number("SELECT n FROM counter") ?? 0
    if count != counted { problems.append("counted \(count), not \(counted)") }
  }

  private mutating func compare(
    _ table: String, _ sql: String, _ expected: Set<String>, each: Int64
  ) throws {
    var missing = expected
    for row in try spool.query(sql) {
      guard case .text(let key) = row[0], case .integer(let count) = row[1] else { continue }
      if missing.remove(key) == nil || count != each {
        problems.append("\(count) rows of \(key) in \(table)")
      }
    }
    problems += missing.map { "no rows of \($0) in \(table)" }
  }

  private mutating func compareDirectories() {
    let standing = Set(spool.names(spool.layout.results, hidden: true))
    let putAway = Set(spool.names(spool.layout.failed, hidden: true))
    problems += spool.incomingFiles.map { "incoming: \($0)" }
    problems += spool.activeJobs.map { "active: \($0.text)" }
    problems += standing.subtracting(results).map { "a result too many: \($0)" }
    problems += putAway.symmetricDifference(failed).map { "failed/ differs: \($0)" }
  }
}

extension JobName {
  /// The job's name for any name of a file.
  static func text(ofFile name: String) -> String {
    switch meaning(of: Array(name.utf8)) {
    case .job(let job), .foreign(let job): job.text
    case .ignored: name
    }
  }
}
