import Sluice
import Spool

/// Puts in order what the worker before left: publishes what was committed, puts finished jobs'
/// files away, and tells which jobs are to run again. Once, before anything is claimed.
final class WorkerRecovery {
  struct Start {
    /// In the order in which they were claimed.
    var runAgain: [ClaimedName] = []
    var suspects = SuspectList()
    /// The highest number known to have been used.
    var highestSequence: UInt64 = 0
  }

  private let layout: SpoolLayout
  private let batches: BatchPublication
  private let end: PreviousEnd
  private let log: WorkerLog
  private var inFlight: Set<UInt64> = []

  init(
    _ layout: SpoolLayout, _ batches: BatchPublication, end: PreviousEnd, log: WorkerLog
  ) {
    self.layout = layout
    self.batches = batches
    self.end = end
    self.log = log
  }

  /// The record of what runs on one database; what was in it counts in `run`.
  func inFlightRecord(of database: String) throws(FileError) -> InFlightRecord {
    let record = try InFlightRecord(layout, database: database)
    inFlight.formUnion(record.left)
    return record
  }

  private struct Row {
    var engine: Engine
    var row: LedgerRow
    var laterEnded = false
  }

  func run(engines: EngineTable, results: ResultWriter) throws -> Start {
    let (files, strangers) = try layout.claimedFiles()
    for stranger in strangers { log.say("active/\(stranger) is none of the worker's; left alone") }
    var rows = try unsettledRows(engines)
    let twins = try twins(of: rows.values.map(\.row))
    var start = Start()
    start.highestSequence = max(
      files.last?.sequence ?? 0, rows.keys.max() ?? 0)
    start.suspects = try suspects(files, engines)

    let sync = try results.beginSettling()
    var putAway: [(file: ClaimedName, action: SpoolRecovery.FileAction, fromLine: Int?)] = []
    var twinActions: [(TwinSearch.Place, SpoolRecovery.FileAction, fromLine: Int?)] = []
    let newestPublished = newest(files)
    for file in files {
      let row = rows.removeValue(forKey: file.sequence)
      let later = newestPublished[file.job.text].map { $0 > file.sequence } ?? false
      let decision = try decide(row, file, twins, later, results)
      if decision.runsAgain { start.runAgain.append(file.asClaimed) }
      putAway.append((file, decision.active, row.flatMap { nextLines[$0.row.identity] }))
    }
    for row in rows.values.sorted(by: { $0.row.key < $1.row.key }) {
      let decision = try decide(row, nil, twins, false, results)
      if let twin = twins[row.row.identity], decision.twin != .leave {
        twinActions.append((twin, decision.twin, nextLines[row.row.identity]))
      }
    }
    try sync.settle()
    for (file, action, line) in putAway { try put(file, away: action, fromLine: line, results) }
    for (twin, action, line) in twinActions { try put(twin, away: action, fromLine: line, results) }
    try settleRows(engines, results)
    try unhide(start.runAgain)
    return start
  }

  /// Where imports that ended part-way are to go on, by their files.
  private var nextLines: [FileIdentity: Int] = [:]
  private var settledKeys: [String: Int64] = [:]

  /// The next start asks only for rows that are not settled: a job whose row is must not have a file
  /// in `active/` that would run again, nor get one back from a power failure.
  private func settleRows(_ engines: EngineTable, _ results: ResultWriter) throws {
    if settledKeys.isEmpty { return }
    try results.beginSettling().settle()
    for engine in engines.all {
      if let key = settledKeys[engine.configuration.name] { engine.settle(through: key) }
    }
  }

  private func unsettledRows(_ engines: EngineTable) throws -> [UInt64: Row] {
    var rows: [UInt64: Row] = [:]
    for engine in engines.all {
      let found = try engine.unsettledRows()
      var newest: [String: Int64] = [:]
      for row in found { newest[row.name] = row.key }
      for row in found {
        rows[UInt64(row.sequence)] = Row(
          engine: engine, row: row, laterEnded: (newest[row.name] ?? row.key) > row.key)
      }
      if let last = found.last { settledKeys[engine.configuration.name] = last.key }
    }
    return rows
  }

  private func twins(of rows: [LedgerRow]) throws -> [FileIdentity: TwinSearch.Place] {
    let wanted = rows.filter {
      SpoolRecovery.consultsTwin(row: .unsettled(done: $0.status == .done), end: end)
    }
    return try TwinSearch(layout).places(of: wanted.map(\.identity))
  }

  private func suspects(_ files: [ClaimedName], _ engines: EngineTable) throws -> SuspectList {
    let present = Set(files.map(\.sequence))
    var commits: [UInt64: Int64] = [:]
    if !inFlight.isEmpty {
      for engine in engines.all {
        for (sequence, commit) in try engine.lastChunks() { commits[UInt64(sequence)] = commit }
      }
    }
    let suspects = try SuspectList(layout).after(
      end, inFlight: inFlight, present: present, commits: commits)
    try suspects.save(layout)
    return suspects
  }

  /// The highest number of a published read by name: it ended after older jobs of that name.
  private func newest(_ files: [ClaimedName]) -> [String: UInt64] {
    var newest: [String: UInt64] = [:]
    for file in files {
      if case .published = file.state {
        newest[file.job.text] = max(newest[file.job.text] ?? 0, file.sequence)
      }
    }
    return newest
  }

  private func decide(
    _ row: Row?, _ file: ClaimedName?, _ twins: [FileIdentity: TwinSearch.Place],
    _ laterRead: Bool, _ results: ResultWriter
  ) throws -> SpoolRecovery.Decision {
    let active: SpoolRecovery.ActiveFile =
      switch file?.state {
      case nil: .none
      case .claimed: .claimed
      case .published(let done): .published(done: done)
      }
    guard let row else {
      return SpoolRecovery(
        row: .none, active: active, result: .absent, laterEnded: laterRead, end: end
      ).decision
    }
    let name = row.row.resultName
    let recorded = try row.engine.result(ofKey: row.row.key) ?? []
    let decision = SpoolRecovery(
      row: .unsettled(done: row.row.status == .done), active: active,
      hasTwin: twins[row.row.identity] != nil,
      result: try results.compare(name, with: recorded), laterEnded: row.laterEnded || laterRead,
      end: end
    ).decision
    try publishLines(of: row, decision)
    if decision.result != .leave { try results.publish(name, recorded) }
    if row.row.status != .done, let line = ImportJobText.nextLine(afterResult: recorded) {
      nextLines[row.row.identity] = line
    }
    return decision
  }

  /// The results of a batch's lines, which only a power failure can have taken where the totals
  /// stand.
  private func publishLines(of row: Row, _ decision: SpoolRecovery.Decision) throws {
    guard let job = JobName(row.row.name), job.kind == .jsonl else { return }
    batchEngines[UInt64(row.row.sequence)] = row.engine
    let mayBeTorn = SpoolRecovery.consultsTwin(row: .unsettled(done: true), end: end)
    if decision.result != .leave || (mayBeTorn && !row.laterEnded) {
      try batches.publishLines(of: job, sequence: UInt64(row.row.sequence), row.engine)
    }
  }

  /// Where the chunks are of batches that ended, by sequence number.
  private var batchEngines: [UInt64: Engine] = [:]

  private func put(
    _ file: ClaimedName, away action: SpoolRecovery.FileAction, fromLine: Int?,
    _ results: ResultWriter
  ) throws {
    switch action {
    case .leave: break
    case .remove: try results.remove(file)
    case .moveToFailed(let replacing):
      if let fromLine {
        return try results.moveToFailed(file, fromLine: fromLine, replacing: replacing)
      }
      guard let engine = batchEngines[file.sequence] else {
        return try results.moveToFailed(file, replacing: replacing)
      }
      if replacing { try batches.putAway(file, engine) } else { try results.remove(file) }
    }
  }

  private func put(
    _ twin: TwinSearch.Place, away action: SpoolRecovery.FileAction, fromLine: Int?,
    _ results: ResultWriter
  ) throws {
    switch action {
    case .leave: break
    case .remove: try layout.incoming(twin.lane).unlink(twin.job.text)
    case .moveToFailed(let replacing):
      if let fromLine {
        try results.moveToFailed(
          twin.job, from: twin.lane, fromLine: fromLine, replacing: replacing)
      } else {
        try results.moveToFailed(twin.job, from: twin.lane, replacing: replacing)
      }
    }
  }

  /// A published read that runs again gets its claimed name back.
  private func unhide(_ names: [ClaimedName]) throws {
    for name in names {
      for done in [true, false] {
        var hidden = name
        hidden.state = .published(done: done)
        if try layout.active.status(hidden.text) != nil {
          try layout.active.rename(hidden.text, to: layout.active, name.text)
        }
      }
    }
  }
}

extension ClaimedName {
  var asClaimed: ClaimedName {
    var name = self
    name.state = .claimed
    return name
  }
}

extension LedgerRow {
  /// The name of its result file.
  var resultName: String { JobName(name)?.result ?? name }
}
