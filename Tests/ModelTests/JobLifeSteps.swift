import Spool

/// The order of steps that a worker keeps; mistakes are planted by changing it.
struct JobLifeRules: Sendable {
  var publication: @Sendable (PublicationPlan) -> [PublicationPlan.Step] = { $0.steps }
  var settlement = SettlementStep.allCases
  var recovery = RecoveryStep.allCases
  var decision: @Sendable (SpoolRecovery) -> SpoolRecovery.Decision = { $0.decision }
  /// Whether an outcome is handed on only once it is committed.
  var commitsFirst = true
  /// Whether it is seen that a result which stands is of another job, which left no row.
  var knowsLaterResults = true
}

extension JobLife {
  /// Every state that may follow this one.
  func next(_ rules: JobLifeRules) -> [JobLife] {
    var states = drops() + takes()
    guard let worker else { return states + [started(rules)] }
    if worker.asked > settled {
      // A commit of nothing else, by a thread of its own.
      states.append(with { $0.settled = max($0.settled, worker.asked) })
    }
    if worker.repairs.isEmpty {
      states += steps(worker, rules)
    } else {
      states.append(repaired(worker))
    }
    if crashesLeft > 0 { states += crashes() }
    return states
  }

  /// Whether nothing is left to do for anybody but the consumer and chance.
  func isAtRest(_ rules: JobLifeRules) -> Bool {
    guard let worker, worker.repairs.isEmpty, worker.asked <= settled, drops().isEmpty else {
      return false
    }
    return steps(worker, rules).isEmpty
  }

  private func with(_ body: (inout JobLife) -> Void) -> JobLife {
    var state = self
    body(&state)
    return state
  }

  // MARK: Others

  /// A producer who syncs, and waits while the name is taken.
  private func drops() -> [JobLife] {
    guard names.incoming == nil, let job = dropped.firstIndex(of: false) else { return [] }
    return [
      with { state in
        state.dropped[job] = true
        state.change(.drop(job))
        state.syncNames()
      }
    ]
  }

  private func takes() -> [JobLife] {
    guard takesLeft > 0, let result = names.result, result.isWhole else { return [] }
    return [
      with { state in
        state.takesLeft -= 1
        state.taken = max(state.taken, result.ended)
        state.change(.take)
      }
    ]
  }

  private func crashes() -> [JobLife] {
    var states: [JobLife] = []
    var crashed = self
    crashed.crashesLeft -= 1
    crashed.worker = nil
    states.append(crashed)
    crashed.isRebooted = true
    crashed.hasLostPower = true
    for kept in 0...pending.count {
      var state = crashed
      for change in pending[..<kept] { state.durable.apply(change) }
      state.pending = []
      states.append(state)
      // What was not synced is lost, but for the name.
      guard let result = state.durable.result, !result.isDurable, result.isWhole else { continue }
      state.durable.result?.isWhole = false
      states.append(state)
    }
    return states
  }

  // MARK: The worker at work

  private func steps(_ worker: Worker, _ rules: JobLifeRules) -> [JobLife] {
    var states: [JobLife] = []
    if let job = names.incoming {
      states.append(
        with { state in
          state.change(.claim(job))
          state.worker?.claimed.append(job)
        })
    }
    if let job = worker.claimed.first { states.append(ran(job, rules)) }
    if let outcome = worker.outcomes.first { states.append(published(outcome, worker, rules)) }
    if worker.settling != nil {
      states.append(settled(rules))
    } else if worker.owed != nil, worker.published == 0 {
      // By the publisher, between two outcomes.
      states.append(with { $0.beginSettling() })
    }
    return states
  }

  private func ran(_ job: Int, _ rules: JobLifeRules) -> JobLife {
    with { state in
      state.worker?.claimed.removeFirst()
      state.outcomeCount += 1
      var outcome = Outcome(job: job, ended: state.outcomeCount, row: nil)
      if kinds[job].hasRow {
        outcome.row = rows.count
        if rules.commitsFirst { state.commit(outcome) }
      }
      state.worker?.outcomes.append(outcome)
    }
  }

  private mutating func commit(_ outcome: Outcome) {
    rows.append(Row(job: outcome.job, ended: outcome.ended))
    if kinds[outcome.job] == .done { effects[outcome.job] += 1 }
    settled = max(settled, worker?.asked ?? -1)
  }

  private func plan(_ job: Int) -> PublicationPlan {
    switch kinds[job] {
    case .done: .recorded(done: true, isBatch: false)
    case .failed: .recorded(done: false, isBatch: false)
    case .read: .read
    case .command: .command
    case .rejected: .unrecorded(isBatch: false)
    }
  }

  private func published(_ outcome: Outcome, _ worker: Worker, _ rules: JobLifeRules) -> JobLife {
    let steps = rules.publication(plan(outcome.job))
    return with { state in
      state.publish(steps[worker.published], outcome)
      state.worker?.published += 1
      if state.worker?.published == steps.count {
        if let row = outcome.row, row >= state.rows.count { state.commit(outcome) }
        state.worker?.published = 0
        state.worker?.outcomes.removeFirst()
      }
    }
  }

  private mutating func publish(_ step: PublicationPlan.Step, _ outcome: Outcome) {
    let result = Result(job: outcome.job, ended: outcome.ended)
    switch step {
    case .giveWay: giveWay()
    case .publish: stand(result)
    case .publishDurably:
      stand(Result(job: outcome.job, ended: outcome.ended, isDurable: true))
    case .owe:
      worker?.owed = outcome
      if let row = outcome.row {
        worker?.highestRow = row
      } else {
        worker?.reads.insert(outcome.job)
      }
    case .remove: change(.remove(outcome.job))
    case .putAway: change(.putAway(outcome.job, replacing: true))
    case .publishLines, .withdrawLines, .leaveOver: break
    }
  }

  private mutating func stand(_ result: Result) {
    if publishedJobs.insert(result.job).inserted {
      newest = result.job
    } else if newest != result.job {
      hasComeBack = true
    }
    change(.result(result))
  }

  /// As `UnsettledResults.giveWay`.
  private mutating func giveWay() {
    guard let older = worker?.owed ?? worker?.settling?.owed else { return }
    if older.row == nil {
      change(.remove(older.job))
      worker?.reads.remove(older.job)
    }
    worker?.owed = nil
    worker?.settling?.owed = nil
  }

  // MARK: Settling

  private mutating func beginSettling() {
    guard let worker else { return }
    self.worker?.settling = Settling(
      row: worker.highestRow, reads: worker.reads, owed: worker.owed)
    self.worker?.owed = nil
    self.worker?.reads = []
  }

  private func settled(_ rules: JobLifeRules) -> JobLife {
    with { state in
      guard let settling = state.worker?.settling else { return }
      switch rules.settlement[settling.step] {
      case .sync: state.sync()
      case .rows:
        let asked = state.worker?.asked ?? -1
        state.worker?.asked = max(asked, settling.row)
      case .readFiles:
        for job in settling.reads.sorted() where state.names.active.contains(job) {
          state.change(.remove(job))
        }
      }
      state.worker?.settling?.step += 1
      if settling.step + 1 == rules.settlement.count { state.worker?.settling = nil }
    }
  }

  // MARK: The start

  private func started(_ rules: JobLifeRules) -> JobLife {
    with { state in
      let end: PreviousEnd = isRebooted ? .rebooted : isInDoubt ? .doubtful : .killed
      state.isRebooted = false
      state.isInDoubt = end != .killed
      var worker = Worker()
      worker.repairs = repairs(end, rules)
      worker.asked = settled
      state.worker = worker
    }
  }

  private func repairs(_ end: PreviousEnd, _ rules: JobLifeRules) -> [Repair] {
    let names = names
    let unsettled = Array(rows.indices.dropFirst(settled + 1))
    let known = Set(unsettled.map { rows[$0].job })
    var gone: Set<Int> = []
    var results: [Repair] = []
    var files: [Repair] = []
    for row in unsettled {
      let job = rows[row].job
      let decision = rules.decision(recovery(row, names, end, rules))
      if decision.result != .leave {
        // An older job whose result stood must not run again and put it back.
        if rules.knowsLaterResults, let older = names.result, older.isWhole,
          names.active.contains(older.job), !known.contains(older.job)
        {
          results.append(
            .change(
              kinds[older.job].goesToFailed
                ? .putAway(older.job, replacing: true) : .remove(older.job)))
          gone.insert(older.job)
        }
        results.append(.change(.result(Result(job: job, ended: rows[row].ended))))
      }
      switch decision.active {
      case .leave: break
      case .remove: files.append(.change(.remove(job)))
      case .moveToFailed(let replacing): files.append(.change(.putAway(job, replacing: replacing)))
      }
      switch decision.twin {
      case .leave: break
      case .remove: files.append(.change(.removeTwin))
      case .moveToFailed(let replacing):
        files.append(.change(.putTwinAway(job, replacing: replacing)))
      }
    }
    var repairs: [Repair] = []
    for step in rules.recovery {
      switch step {
      case .results: repairs += results
      case .settleResults: repairs.append(.sync)
      case .files: repairs += files
      case .settleFiles: if !unsettled.isEmpty { repairs.append(.sync) }
      case .settleRows: if let last = unsettled.last { repairs.append(.ask(last)) }
      }
    }
    repairs.append(.recovered)
    return repairs + names.active.subtracting(known).subtracting(gone).sorted().map(Repair.claimed)
  }

  private func recovery(
    _ row: Int, _ names: Names, _ end: PreviousEnd, _ rules: JobLifeRules
  ) -> SpoolRecovery {
    let job = rows[row].job
    let state: ResultState =
      switch names.result {
      case nil: .absent
      case let result? where !result.isWhole: .empty
      case let result?: result.ended == rows[row].ended ? .same : .different
      }
    var recovery = SpoolRecovery(
      row: .unsettled(done: kinds[job] == .done),
      active: names.active.contains(job) ? .claimed : .none, hasTwin: names.incoming == job,
      result: state, laterEnded: row + 1 < rows.count, end: end)
    if rules.knowsLaterResults, state == .different,
      let standing = names.result, standing.ended > rows[row].ended,
      SpoolRecovery.consultsResult(
        row: recovery.row, active: recovery.active, laterEnded: recovery.laterEnded, end: end)
    {
      recovery.laterEnded = true
    }
    return recovery
  }

  private func repaired(_ worker: Worker) -> JobLife {
    with { state in
      switch state.worker?.repairs.removeFirst() {
      case .change(.result(let result)): state.stand(result)
      case .change(let change): state.change(change)
      case .sync: state.sync()
      case .ask(let row): state.worker?.asked = row
      case .claimed(let job): state.worker?.claimed.append(job)
      case .recovered: state.isInDoubt = false
      case nil: break
      }
    }
  }
}
