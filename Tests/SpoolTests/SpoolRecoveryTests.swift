import Testing

@testable import Spool

/// Every combination there is, against what the protocol promises; no example is chosen.
@Suite("Recovery")
struct SpoolRecoveryTests {
  private static let rows: [SpoolRecovery.Row] = [
    .none, .unsettled(done: true), .unsettled(done: false), .settled(done: true),
    .settled(done: false),
  ]
  private static let files: [SpoolRecovery.ActiveFile] = [.none, .claimed]
  private static let ends: [PreviousEnd] = [.first, .clean, .killed, .doubtful, .rebooted]

  private static let cases: [SpoolRecovery] = rows.flatMap { row in
    files.flatMap { active in
      [false, true].flatMap { twin in
        ResultState.allCases.flatMap { result in
          [false, true].flatMap { later in
            ends.map { end in
              SpoolRecovery(
                row: row, active: active, hasTwin: twin, result: result, laterEnded: later, end: end
              )
            }
          }
        }
      }
    }
  }

  private func each(_ check: (SpoolRecovery, SpoolRecovery.Decision) -> Bool) {
    for recovery in Self.cases {
      #expect(check(recovery, recovery.decision), "\(recovery) → \(recovery.decision)")
    }
  }

  private func machineEnded(_ end: PreviousEnd) -> Bool { ![.clean, .killed].contains(end) }

  @Test("all combinations are looked at")
  func count() {
    #expect(Self.cases.count == 5 * 2 * 2 * 4 * 2 * 5)
    #expect(Set(Self.cases).count == Self.cases.count)
  }

  @Test("a job with a ledger row never runs again")
  func exactlyOnce() {
    each { $0.row == .none || !$1.runsAgain }
  }

  @Test("a claimed job without a row runs again, and its file stays until it has")
  func nothingIsLost() {
    each { recovery, decision in
      guard recovery.row == .none, recovery.active == .claimed else { return true }
      return decision.runsAgain && decision.active == .leave
    }
    each { !$1.runsAgain || ($1.active == .leave && $0.active == .claimed) }
  }

  @Test("an unsettled row's result stands afterwards, unless a consumer may have taken it")
  func resultStands() {
    each { recovery, decision in
      guard case .unsettled = recovery.row, !recovery.laterEnded else { return true }
      // The worker put the file away only after the result stood; the kill left the page cache as
      // it was, so that what is missing was taken.
      let mayBeTaken = !machineEnded(recovery.end) && recovery.active != .claimed
      // What can be read after a failed sync is no evidence.
      let isKnown = recovery.result == .same && recovery.end != .doubtful
      return isKnown || decision.result != .leave || mayBeTaken
    }
  }

  @Test("the result of a job that ended later is never replaced, nor its file in failed/")
  func laterWins() {
    each { recovery, decision in
      guard recovery.laterEnded else { return true }
      let files = [decision.active, decision.twin]
      return decision.result == .leave && !files.contains(.moveToFailed(replacing: true))
    }
  }

  @Test("a file in incoming/ is touched only after a reboot and only for an unsettled row")
  func identity() {
    each { recovery, decision in
      let consulted = SpoolRecovery.consultsTwin(row: recovery.row, end: recovery.end)
      if case .unsettled = recovery.row {
        guard consulted == machineEnded(recovery.end) else { return false }
      } else if consulted {
        return false
      }
      return (decision.twin != .leave) == (consulted && recovery.hasTwin)
    }
  }

  @Test("what the twin is does not matter where it is not consulted")
  func twinUnseen() {
    each { recovery, decision in
      if SpoolRecovery.consultsTwin(row: recovery.row, end: recovery.end) { return true }
      var other = recovery
      other.hasTwin.toggle()
      return other.decision == decision
    }
  }

  @Test("what stands in the result does not matter where it is not consulted")
  func resultUnseen() {
    each { recovery, decision in
      let consulted = SpoolRecovery.consultsResult(
        row: recovery.row, active: recovery.active, laterEnded: recovery.laterEnded,
        end: recovery.end)
      if consulted { return true }
      return ResultState.allCases.allSatisfy { state in
        var other = recovery
        other.result = state
        return other.decision == decision
      }
    }
  }

  @Test("files are put away by status: done ones go, others stay in failed/")
  func putAway() {
    each { recovery, decision in
      let done: Bool
      switch recovery.row {
      case .unsettled(let status), .settled(let status): done = status
      case .none: return decision.active == .leave && decision.twin == .leave
      }
      let away: SpoolRecovery.FileAction =
        done ? .remove : .moveToFailed(replacing: !recovery.laterEnded)
      guard recovery.active == .claimed else {
        return decision.active == .leave && [.leave, away].contains(decision.twin)
      }
      // The twin is another link of the file that is put away.
      return decision.active == away && [.leave, .remove].contains(decision.twin)
    }
  }

  @Test("a good result is not written again, and one is rewritten only where something stands")
  func noNeedlessWrites() {
    each { recovery, decision in
      switch decision.result {
      case .leave: true
      case .publish: recovery.result == .absent
      case .rewrite:
        recovery.result == .different || recovery.result == .empty
          || (recovery.result == .same && recovery.end == .doubtful)
      }
    }
  }

  @Test("a settled row's result is nobody's business any more")
  func settled() {
    each { recovery, decision in
      if case .settled = recovery.row { return decision.result == .leave }
      return true
    }
  }
}
