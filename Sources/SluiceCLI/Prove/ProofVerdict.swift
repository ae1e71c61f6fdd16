import JSON
import SQLite
import Spool

/// Counts what became of a proof's jobs, on a scratch spool on which no worker runs any more.
struct ProofVerdict {
  struct Count {
    var jobs = 0
    /// Without a result, or without the effect that the result tells of.
    var lost = 0
    /// With more than one effect.
    var doubled = 0
    /// Killed three times in a row while they ran, and ended as `SLUICE_POISON`.
    var givenUp = 0
  }

  /// Bounds what is shown.
  private static let anomaliesMax = 20

  private let scratch: ProofScratch
  private var effects: [String: Int] = [:]
  /// Names of the files of jobs that were given up.
  private var givenUp: Set<String> = []
  private(set) var counts: [ProofLoad: Count] = [:]
  /// What else is not as it must be.
  private(set) var anomalies: [String] = []
  private(set) var anomalyCount = 0

  init(_ scratch: ProofScratch, jobs: [ProofJob], seen: [String]) throws {
    self.scratch = scratch
    for anomaly in seen { note(anomaly) }
    let connection = try Connection(path: scratch.databasePath, role: .reader)
    try count(connection, "SELECT job, count(*) FROM transfer GROUP BY job")
    try count(connection, "SELECT job, count(*) FROM member GROUP BY job")
    try checkBank(connection)
    try checkLines(connection)
    for load in ProofLoad.allCases { counts[load] = Count() }
    // A read comes behind the batch whose lines it counts.
    for job in jobs.sorted(by: { $0.load != .read && $1.load == .read }) { try judge(job) }
    try checkLeftovers()
  }

  var total: Count {
    counts.values.reduce(into: Count()) { total, count in
      total.jobs += count.jobs
      total.lost += count.lost
      total.doubled += count.doubled
      total.givenUp += count.givenUp
    }
  }

  var isProved: Bool { total.lost == 0 && total.doubled == 0 && anomalyCount == 0 }

  private mutating func note(_ anomaly: String) {
    anomalyCount += 1
    if anomalies.count < Self.anomaliesMax { anomalies.append(anomaly) }
  }

  private mutating func count(_ connection: borrowing Connection, _ sql: String) throws {
    let statement = try connection.prepareOwn(sql)
    while try statement.step() {
      guard case (.text(let job), .integer(let count)) = (statement.value(0), statement.value(1))
      else { continue }
      effects[job] = Int(count)
    }
  }

  /// Balances have to be what the transfers that are there make of them.
  private mutating func checkBank(_ connection: borrowing Connection) throws {
    let statement = try connection.prepareOwn(
      """
      SELECT count(*), coalesce(sum(balance), 0), coalesce(sum(balance <> \(ProofLoad.balance)
       + (SELECT coalesce(sum(amount), 0) FROM transfer WHERE target=id)
       - (SELECT coalesce(sum(amount), 0) FROM transfer WHERE source=id)), 0) FROM account
      """)
    guard try statement.step(), case .integer(let accounts) = statement.value(0),
      case .integer(let sum) = statement.value(1), case .integer(let wrong) = statement.value(2)
    else { return note("the accounts cannot be read") }
    let due = ProofLoad.accounts * ProofLoad.balance
    if accounts != ProofLoad.accounts || sum != due {
      note("\(accounts) accounts hold \(sum), not \(due)")
    }
    if wrong != 0 { note("\(wrong) accounts are not what their transfers say") }
  }

  /// A batch's lines have to be there in the file's order, each once.
  private mutating func checkLines(_ connection: borrowing Connection) throws {
    let statement = try connection.prepareOwn("SELECT job, n FROM line ORDER BY id")
    var next: [String: Int] = [:]
    var disorder: [String: Int] = [:]
    while try statement.step() {
      guard case (.text(let job), .integer(let line)) = (statement.value(0), statement.value(1))
      else { continue }
      let expected = next[job, default: 0]
      if Int(line) < expected { effects[job] = 2 } else { next[job] = Int(line) + 1 }
      if Int(line) > expected { disorder[job] = Int(line) }
    }
    for (job, count) in next where effects[job] == nil {
      effects[job] = count == ProofLoad.linesOfABatch && disorder[job] == nil ? 1 : 0
    }
    for (job, line) in disorder.sorted(by: { $0.key < $1.key }) {
      note("\(job): line \(line) came before its turn")
    }
  }

  private mutating func judge(_ job: ProofJob) throws {
    guard let name = JobName(job.file) else { preconditionFailure("\(job.file) is no job's name") }
    var count = counts[job.load] ?? Count()
    defer { counts[job.load] = count }
    count.jobs += 1
    guard let result = try JobResult(of: name, in: scratch.spool) else {
      count.lost += 1
      return
    }
    let effect = effects[job.file] ?? 0
    if effect > 1 { count.doubled += 1 }
    if result.root["error"]?["code"]?.string == "SLUICE_POISON" {
      count.givenUp += 1
      givenUp.insert(job.file)
      if effect == 1 { note("\(job.file) was given up, and yet took effect") }
    } else if let failure = result.failure {
      note(failure.message)
    } else if job.load == .read {
      let seen = result.root["statements"]?[0]?["rows"]?[0]?[0]?.integer
      let lines = givenUp.contains(job.batch) ? 0 : ProofLoad.linesOfABatch
      if seen != Int64(lines) {
        note("\(job.file) saw \(seen ?? -1) lines where \(lines) were")
      }
    } else if effect == 0 {
      count.lost += 1
    }
  }

  private mutating func checkLeftovers() throws {
    let inventory = SpoolInventory(spool: scratch.spool)
    for place in SpoolInventory.pendingPlaces {
      let left = try inventory.count(in: place)
      if left > 0 { note("\(left) jobs were left in \(place.path)") }
    }
  }
}
