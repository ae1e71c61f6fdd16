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
    /// Claimed jobs that had ended.
    var ended: [(sequence: UInt64, status: JobStatus)] = []
  }

  private let layout: SpoolLayout
  private let batches: BatchPublication
  private let end: PreviousEnd
  private let log: WorkerLog
  private var inFlight: Set<UInt64> = []
  /// What is to run again.
  private var withoutRows: [ClaimedName] = []

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

  /// The same for a database that was not there at the start, while the worker works on others.
  /// - Returns: its claimed jobs that had ended, which are put away.
  func takeIn(
    _ engines: EngineTable, results: ResultWriter
  ) throws -> [(sequence: UInt64, status: JobStatus)] {
    try putInOrder(engines, results, suspects: { _ in SuspectList() }).ended
  }

  func run(engines: EngineTable, results: ResultWriter) throws -> Start {
    try putInOrder(engines, results) { files in try suspects(files, engines) }
  }

  private func putInOrder(
    _ engines: EngineTable, _ results: ResultWriter,
    suspects: ([ClaimedName]) throws -> SuspectList
  ) throws -> Start {
    let (files, strangers) = try layout.claimedFiles()
    for stranger in strangers { log.say("active/\(stranger) is none of the worker's; left alone") }
    var rows = try unsettledRows(engines)
    let twins = try twins(of: rows.values.map(\.row))
    var start = Start()
    start.highestSequence = max(
      files.last?.sequence ?? 0, rows.keys.max() ?? 0)
    start.suspects = try suspects(files)

    var putAway: [(file: ClaimedName, action: SpoolRecovery.FileAction, fromLine: Int?)] = []
    var twinActions: [(TwinSearch.Place, SpoolRecovery.FileAction, fromLine: Int?)] = []
    func decide(_ row: Row, _ active: SpoolRecovery.ActiveFile) throws -> SpoolRecovery.Decision {
      let twin = twins[row.row.identity]
      let decision = try self.decide(row, active, hasTwin: twin != nil, results)
      if let twin { twinActions.append((twin, decision.twin, nextLines[row.row.identity])) }
      return decision
    }
    let sync = try results.beginSettling()
    for step in RecoveryStep.allCases {
      switch step {
      case .results:
        if withoutRow.runsAgain { withoutRows = files.filter { rows[$0.sequence] == nil } }
        for file in files {
          guard let row = rows.removeValue(forKey: file.sequence) else { continue }
          start.ended.append((file.sequence, row.row.status))
          putAway.append((file, try decide(row, .claimed).active, nextLines[row.row.identity]))
        }
        for row in rows.values.sorted(by: { $0.row.key < $1.row.key }) {
          _ = try decide(row, .none)
        }
        start.runAgain = withoutRows
      case .settleResults: try settle(sync)
      case .files:
        for (file, action, line) in putAway {
          try put(file, away: action, fromLine: line, results)
        }
        for (twin, action, line) in twinActions {
          try put(twin, away: action, fromLine: line, results)
        }
      case .settleFiles: if !settledKeys.isEmpty { try settle(results.beginSettling()) }
      case .settleRows:
        for engine in engines.all {
          if let key = settledKeys[engine.configuration.name] { engine.settle(through: key) }
        }
      }
    }
    return start
  }

  /// What a failed sync may have lost looks well to the next start, but must not be taken for that.
  private func settle(_ batch: borrowing SettleBatch) throws(FileError) {
    do throws(FileError) {
      try batch.settle()
    } catch {
      try SpoolLock.note(isDoubtful: true, in: layout)
      throw error
    }
  }

  /// Where imports that ended part-way are to go on, by their files.
  private var nextLines: [FileIdentity: Int] = [:]
  private var settledKeys: [String: Int64] = [:]

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

  private func decide(
    _ row: Row, _ active: SpoolRecovery.ActiveFile, hasTwin: Bool, _ results: ResultWriter
  ) throws -> SpoolRecovery.Decision {
    let state = SpoolRecovery.Row.unsettled(done: row.row.status == .done)
    var recovery = SpoolRecovery(
      row: state, active: active, hasTwin: hasTwin, result: .absent, laterEnded: row.laterEnded,
      end: end)
    var recorded: [UInt8] = []
    if SpoolRecovery.consultsResult(
      row: state, active: active, laterEnded: row.laterEnded, end: end)
    {
      recorded = try result(of: row)
      recovery.result = try results.compare(row.row.resultName, with: recorded)
      if recovery.result == .different {
        recovery.laterEnded = try meet(standingFor: row, recorded, results)
      }
    }
    let decision = recovery.decision
    try publishLines(of: row, decision, laterEnded: recovery.laterEnded)
    if decision.result != .leave { try results.publish(row.row.resultName, recorded) }
    try noteNextLine(of: row, decision, recorded)
    return decision
  }

  /// Another job's result stands where a row's is to be: of one that left no row, a read perhaps, or
  /// of one whose row is older.
  ///
  /// Where a job without a row ended before, its file must not make it run again, for its result would
  /// come back over this one.
  /// - Returns: whether it ended later.
  private func meet(
    standingFor row: Row, _ recorded: [UInt8], _ results: ResultWriter
  ) throws -> Bool {
    let name = row.row.resultName
    guard let standing = try results.standing(name),
      let finished = ResultDocument.finished(inEnd: recorded.suffix(ResultDocument.endBytes))
    else { return false }
    if standing.finished > finished {
      // The ledger knows the order of what it holds; instants do not, where the clock was set back.
      let ledger = try ledger(of: row)
      return try !ledger.hasOlderRow(thanKey: row.row.key, finished: standing.finished)
    }
    // Names and instants may be equal where sequence numbers are not: one result is that of one job.
    let file = withoutRows.filter {
      $0.job.result == name && $0.arrival.rfc3339 == standing.arrived
    }.min { $0.sequence < $1.sequence }
    guard let file else { return false }
    if standing.isDone { try results.remove(file) } else { try results.moveToFailed(file) }
    withoutRows.removeAll { $0 == file }
    return false
  }

  /// A claimed job without a row.
  private var withoutRow: SpoolRecovery.Decision {
    SpoolRecovery(row: .none, active: .claimed, result: .absent, end: end).decision
  }

  /// An import that ended part-way is put away so that it goes on from there.
  private func noteNextLine(
    of row: Row, _ decision: SpoolRecovery.Decision, _ recorded: [UInt8]
  ) throws {
    switch (decision.active, decision.twin) {
    case (.moveToFailed, _), (_, .moveToFailed):
      let result = recorded.isEmpty ? try result(of: row) : recorded
      if let line = ImportJobText.nextLine(afterResult: result) {
        nextLines[row.row.identity] = line
      }
    default: return
    }
  }

  /// The result that the ledger has recorded.
  private func result(of row: Row) throws -> [UInt8] {
    try ledger(of: row).result(ofKey: row.row.key) ?? []
  }

  private func ledger(of row: Row) throws -> RecordedResults {
    let database = row.engine.configuration.name
    if let opened = recorded[database] { return opened }
    let opened = try row.engine.recordedResults()
    recorded[database] = opened
    return opened
  }

  private var recorded: [String: RecordedResults] = [:]

  /// The results of a batch's lines, which only a power failure can have taken where the totals
  /// stand.
  private func publishLines(
    of row: Row, _ decision: SpoolRecovery.Decision, laterEnded: Bool
  ) throws {
    guard let job = JobName(row.row.name), job.kind == .jsonl else { return }
    batchEngines[UInt64(row.row.sequence)] = row.engine
    let mayBeTorn = SpoolRecovery.consultsTwin(row: .unsettled(done: true), end: end)
    if decision.result != .leave || (mayBeTorn && !laterEnded) {
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
}

extension LedgerRow {
  /// The name of its result file.
  var resultName: String { JobName(name)?.result ?? name }
}
