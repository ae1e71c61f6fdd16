import JSON
import SQLite
import Spool
import TestSupport

/// What a power failure and the worker after it have made of the recorded run, against what was
/// promised to its producers and consumers before.
struct PowerVerdict {
  private let run: RecordedRun
  private let cut: Int
  private let tree: [String: [UInt8]]
  private var rows: [String: Int64] = [:]
  private var dropped: Set<String> = []
  private var acceptances: [String: Int] = [:]
  private var taken: Set<String> = []
  /// The last that a consumer saw under each name of a result.
  private var seen: [String: String] = [:]
  private(set) var problems: [String] = []

  /// - Parameters:
  ///   - cut: the line of the trace at which the power failed.
  ///   - spool: where the worker has put things in order since.
  static func problems(_ run: RecordedRun, cut: Int, spool: String) throws -> [String] {
    var verdict = try PowerVerdict(run, cut: cut, spool: spool)
    try verdict.readDatabase(spool + "/main.db")
    for job in run.load.jobs { verdict.judge(job) }
    verdict.judgeDirectories()
    return verdict.problems
  }

  private init(_ run: RecordedRun, cut: Int, spool: String) throws {
    self.run = run
    self.cut = cut
    tree = try RecordedRun.tree(spool)
    for mark in run.history.marks where mark.line < cut {
      switch mark.word {
      case "dropped": drop(mark.name)
      case "accepted": acceptances[mark.name, default: 0] += 1
      case "taken": taken.insert(mark.name)
      case "seen": see(mark.name)
      default: continue
      }
    }
  }

  private mutating func drop(_ name: String) {
    // Of jobs that share a name, the first that was dropped is known by its name and a zero.
    dropped.insert(dropped.contains(name + "#0") ? name + "#1" : name + "#0")
  }

  private mutating func see(_ mark: String) {
    let parts = mark.split(separator: "/")
    guard parts.count == 2, let index = Int(parts[1]), run.seen.indices.contains(index) else {
      return problems.append("a mark \(mark)")
    }
    seen[String(parts[0])] = run.seen[index]
  }

  private mutating func readDatabase(_ path: String) throws {
    let connection = try Connection(path: path, role: .reader)
    let check = try connection.prepareOwn("PRAGMA integrity_check")
    if try check.step(), check.value(0) != .text("ok") {
      problems.append("integrity_check: \(check.value(0))")
    }
    let table = try connection.prepareOwn("SELECT 1 FROM sqlite_schema WHERE name='effect'")
    guard try table.step() else { return }
    let query = try connection.prepareOwn("SELECT job,count(*) FROM effect GROUP BY job")
    while try query.step() {
      if case .text(let key) = query.value(0), case .integer(let count) = query.value(1) {
        rows[key] = count
      }
    }
    for key in rows.keys where !run.load.keys.contains(key) {
      problems.append("rows of \(key), which no job writes")
    }
  }

  // MARK: Jobs

  private mutating func judge(_ job: PowerJob) {
    guard dropped.contains("\(job.name)#\(job.turn)") else {
      let isAbsent = job.ownEffects.keys.allSatisfy { rows[$0] == nil }
      return expect(isAbsent, "\(job.name): an effect before it was dropped")
    }
    let result = job.job.result
    let isAccepted = acceptances[job.name, default: 0] > job.turn
    let hasSuccessor = dropped.contains("\(job.name)#\(job.turn + 1)")
    // Of two jobs of one name the result is of the later one; while that one need not be there yet,
    // of either.
    let isAmbiguous = hasSuccessor || (job.turn > 0 && !isAccepted)
    let sight = isAmbiguous ? nil : seen[result]
    judgeEffects(job, isPromised: isAccepted || isDone(sight))
    if hasSuccessor { return }
    let isTaken = taken.contains(result)
    guard let text = tree["results/" + result] else {
      if isTaken { return }
      expect(!isAccepted, "\(job.name): no result")
      expect(isAmbiguous || !hasEffect(job), "\(job.name): an effect and no result")
      return
    }
    guard let parsed = try? JSONReader.parse(text), let status = parsed.status else {
      return problems.append("\(job.name): the result is no JSON of \(text.count) bytes")
    }
    if isAmbiguous { return }
    judge(job, parsed, status, isAccepted: isAccepted)
    if let sight { compare(job, text, sight) }
  }

  private func isDone(_ result: String?) -> Bool {
    guard let result, let parsed = try? JSONReader.parse(Array(result.utf8)) else { return false }
    return parsed.status == "done" || parsed.errorCode == "SLUICE_LINES"
  }

  private func hasEffect(_ job: PowerJob) -> Bool {
    job.ownEffects.keys.contains { rows[$0] != nil }
  }

  private mutating func judgeEffects(_ job: PowerJob, isPromised: Bool) {
    for (key, count) in job.effects {
      switch rows[key] {
      case nil: if isPromised { problems.append("\(job.name): its effect \(key) is lost") }
      case count: break
      case let other?: problems.append("\(job.name): \(other) rows of \(key), not \(count)")
      }
    }
  }

  private mutating func judge(
    _ job: PowerJob, _ result: JSONNode, _ status: String, isAccepted: Bool
  ) {
    let code = result.errorCode ?? "-"
    if status == "done", job.effects.keys.contains(where: { rows[$0] == nil }) {
      problems.append("\(job.name): done without its effect")
    }
    if job.statuses.contains(status) {
      if isAccepted { judgeParts(job, status) }
    } else if isAccepted {
      problems.append("\(job.name): \(status) \(code)")
    } else if status != "rejected" && code != "SLUICE_LINES" && code != "SLUICE_BAD_FILE" {
      // A file that was not synced may have come back as anything.
      problems.append("\(job.name): \(status) \(code), though it was never accepted")
    } else if hasEffect(job), case .write = job.kind {
      problems.append("\(job.name): \(status) \(code), yet it has its effect")
    }
    guard isAccepted, status != "done", status != "cancelled" else { return }
    let left = tree["failed/" + job.job.text]
    if left == nil { return problems.append("\(job.name): \(status), and not in failed/") }
    if case .batch = job.kind { return }
    expect(left == Array(job.content.utf8), "\(job.name): another content in failed/")
  }

  /// What a result has beside itself.
  private mutating func judgeParts(_ job: PowerJob, _ status: String) {
    switch job.kind {
    case .batch(let lines):
      let text = tree["results/" + job.name] ?? []
      let found = text.split(separator: 10).filter {
        (try? JSONReader.parse(Array($0)))?.status != nil
      }
      expect(found.count == lines, "\(job.name): the results of \(found.count) lines")
    case .export(let rows, let lines):
      let text = tree["results/" + rows] ?? []
      expect(text.filter { $0 == 10 }.count == lines, "\(job.name): \(rows) is not whole")
    case .write, .read, .other: break
    }
  }

  /// A result may appear again: a write's byte for byte.
  private mutating func compare(_ job: PowerJob, _ text: [UInt8], _ sight: String) {
    switch job.kind {
    case .write, .batch:
      expect(text == Array(sight.utf8), "\(job.name): not the result that was seen")
    case .read, .export, .other: break
    }
  }

  // MARK: Directories

  private mutating func judgeDirectories() {
    var results: Set<String> = []
    var failed: Set<String> = []
    for job in run.load.jobs {
      results.insert(job.job.result)
      if let lines = job.job.lineResults { results.insert(lines) }
      if case .export(let rows, _) = job.kind { results.insert(rows) }
      failed.insert(job.job.text)
    }
    for path in tree.keys.sorted() {
      let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "active" where !parts[1].hasPrefix("."): problems.append("left: \(path)")
      case "incoming": problems.append("left: \(path)")
      case "results": expect(results.contains(parts[1]), "a result too many: \(path)")
      case "failed": expect(failed.contains(parts[1]), "too many: \(path)")
      default: continue
      }
    }
  }

  private mutating func expect(_ isSo: Bool, _ problem: @autoclosure () -> String) {
    if !isSo { problems.append(problem()) }
  }
}
