import Spool

/// A job of the recorded run, and what must become of it.
struct PowerJob {
  enum Kind {
    /// What it does is done wholly or not at all, and its result is kept in the ledger.
    case write
    /// Line by line, each wholly or not at all.
    case batch(lines: Int)
    case read
    /// A read whose rows are a file of their own.
    case export(rows: String, lines: Int)
    /// Nothing runs, or a command that is not given twice.
    case other
  }

  var name: String
  var content: String
  var kind = Kind.write
  /// Rows that it leaves, by what they have in `effect.job`.
  var effects: [String: Int64] = [:]
  var statuses = ["done"]
  /// Of two jobs under one name: which one the result is of.
  var turn = 0

  /// Those that no other job has too.
  var ownEffects: [String: Int64] { effects.filter { $0.key != Self.sharedEffect } }

  static let sharedEffect = "twice"

  var job: JobName {
    switch JobName.meaning(of: Array(name.utf8)) {
    case .job(let job), .foreign(let job): job
    case .ignored: preconditionFailure("\(name) is never a job")
    }
  }
}

/// What the recorded run does: every kind of job, from producers who sync and who do not, a consumer
/// who takes results away, commands, and a kill.
struct PowerLoad {
  private(set) var steps: [[String]] = [["init"], ["start"]]
  private(set) var jobs: [PowerJob] = []

  static let rows = 20
  private static let create = #"{"sql":"CREATE TABLE effect(job TEXT NOT NULL, n INTEGER)"}"#

  init() {
    submit(PowerJob(name: "schema.json", content: Self.create))
    see("schema.json")
    everyKind()
    sameName()
    step("see", "a1.json", "p1.json", "fails1.json", "read1.json")
    step("take", "a1.json")
    // The last one, and a read: once its file is gone, everything is settled.
    accept(read("read4"))
    step("see", "read4.json")
    step("idle")
    step("take", "p1.json")
    step("take", "read1.json")
    afterSettling()
    step("stop")
    lastJobs()
  }

  /// The key of every row that any job may leave.
  var keys: Set<String> { Set(jobs.flatMap { $0.effects.keys }) }

  private mutating func everyKind() {
    accept(write("a1"))
    drop(write("p1"))
    accept(rows("rows1"), lane: "high")
    accept(fails("fails1"))
    accept(read("read1"))
    drop(read("read2"), lane: "urgent")
    accept(batch("batch1"))
    accept(script("script1"))
    step("put", "people.csv", csv("import1"))
    accept(load("import1"), lane: "low")
    accept(twice("twice-a"))
    accept(twice("twice-b"))
    drop(fails("fails2"))
    accept(
      PowerJob(
        name: "rejects.json", content: #"{"sql":"SELECT 1","parms":[]}"#, kind: .other,
        statuses: ["rejected"]))
    accept(
      PowerJob(
        name: "bad name!.json", content: #"{"sql":"SELECT 1"}"#, kind: .other,
        statuses: ["rejected"]))
  }

  private mutating func sameName() {
    var first = write("same-1")
    first.name = "same.json"
    accept(first)
    step("claimed", "", "same.json")
    var second = write("same-2")
    second.name = "same.json"
    second.turn = 1
    accept(second)
    step("see", "script1.sql.json", "import1.json", "twice-b.json", "batch1.jsonl.json")
  }

  private mutating func afterSettling() {
    accept(
      PowerJob(
        name: "checkpoint.json", content: #"{"control":"checkpoint"}"#, kind: .other,
        statuses: ["done", "cancelled"]), lane: "control")
    step("see", "checkpoint.json")
    accept(rows("rows2"))
    drop(write("p2"))
    accept(
      PowerJob(
        name: "export.json",
        content: #"{"sql":"SELECT job,n FROM effect WHERE job='import1'","#
          + #""result":{"format":"csv"}}"#,
        kind: .export(rows: "export.rows.csv", lines: Self.rows + 1)))
    step("see", "rows2.json", "p2.json", "export.json")
    accept(write("a2"))
    drop(batch("batch2"))
    step("stop", "kill")
    drop(write("p3"))
    accept(fails("fails3"))
    step("start")
    step("see", "p3.json", "fails3.json", "a2.json", "batch2.jsonl.json")
  }

  private mutating func lastJobs() {
    submit(write("s1"))
    drop(write("p4"), lane: "bulk")
    accept(read("read3"))
    step("once")
    step("see", "s1.json", "p4.json", "read3.json")
  }

  // MARK: Steps

  private mutating func step(_ words: String...) { steps.append(words) }

  private mutating func see(_ name: String) { step("see", name) }

  private mutating func accept(_ job: PowerJob, lane: String = "") {
    jobs.append(job)
    step("accept", lane, job.name, job.content)
  }

  private mutating func drop(_ job: PowerJob, lane: String = "") {
    jobs.append(job)
    step("drop", lane, job.name, job.content)
  }

  private mutating func submit(_ job: PowerJob) {
    jobs.append(job)
    step("submit", job.name, job.content)
  }

  // MARK: Jobs

  private func insert(_ key: String) -> String {
    #"{"sql":"INSERT INTO effect VALUES('\#(key)',1)"}"#
  }

  private func write(_ key: String) -> PowerJob {
    PowerJob(name: key + ".json", content: insert(key), effects: [key: 1])
  }

  private func rows(_ key: String) -> PowerJob {
    let rows = (0..<Self.rows).map { #"["\#(key)",\#($0)]"# }.joined(separator: ",")
    return PowerJob(
      name: key + ".json", content: #"{"sql":"INSERT INTO effect VALUES(?,?)","rows":[\#(rows)]}"#,
      effects: [key: Int64(Self.rows)])
  }

  private func fails(_ key: String) -> PowerJob {
    PowerJob(
      name: key + ".json",
      content: #"{"statements":[\#(insert(key)),{"sql":"INSERT INTO effect VALUES(NULL,1)"}]}"#,
      statuses: ["failed"])
  }

  private func read(_ key: String) -> PowerJob {
    PowerJob(
      name: key + ".json", content: #"{"sql":"SELECT count(*) FROM sqlite_schema"}"#, kind: .read)
  }

  /// Three lines, of which the second is not done.
  private func batch(_ key: String) -> PowerJob {
    PowerJob(
      name: key + ".jsonl",
      content: insert(key + "-1") + "\n" + #"{"sql":"INSERT INTO effect VALUES(NULL,1)"}"# + "\n"
        + insert(key + "-3") + "\n",
      kind: .batch(lines: 3), effects: [key + "-1": 1, key + "-3": 1], statuses: ["failed"])
  }

  private func script(_ key: String) -> PowerJob {
    let lines = (0..<3).map { "INSERT INTO effect VALUES('\(key)',\($0));\n" }.joined()
    return PowerJob(name: key + ".sql", content: lines, effects: [key: 3])
  }

  private func csv(_ key: String) -> String {
    "job,n\n" + (0..<Self.rows).map { "\(key),\($0)\n" }.joined()
  }

  private func load(_ key: String) -> PowerJob {
    PowerJob(
      name: key + ".json",
      content: #"{"import":{"file":"people.csv","table":"effect","format":"csv"}}"#,
      effects: [key: Int64(Self.rows)])
  }

  private func twice(_ name: String) -> PowerJob {
    PowerJob(
      name: name + ".json",
      content: #"{"id":"once","sql":"INSERT INTO effect VALUES('twice',1)"}"#,
      effects: [PowerJob.sharedEffect: 1])
  }
}
