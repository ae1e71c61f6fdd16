import Sluice

/// How a result file compares with what the ledger says it is. Without a ledger row there is nothing
/// to compare with: then any content counts as `different`.
public enum ResultState: Sendable, CaseIterable {
  case absent
  case same
  case different
  case empty
}

/// What the worker must do at its start for one job that the previous one left: decides, and touches
/// nothing.
///
/// Asked once for each file in `active/` and for each ledger row of this spool that is not settled.
///
/// | ledger row | file in `active/` | after | result | file | run again |
/// | --- | --- | --- | --- | --- | --- |
/// | none | claimed | any | leave | leave | yes |
/// | settled | any | any | leave | put away | no |
/// | unsettled | claimed | clean, kill | publish unless the same | put away | no |
/// | unsettled | none | clean, kill | leave: it stood, and may have been taken | | no |
/// | unsettled | any | reboot | publish or rewrite unless the same | put away | no |
/// | unsettled | any | doubt | publish or rewrite, even the same | put away | no |
///
/// - A job with a row never runs again, and the result of a job that ended later is never replaced.
/// - *Put away*: removed where the job was done, else moved to `failed/`.
/// - *Doubt*: a sync failed, so that what can be read need not be what is on the disk.
/// - An identical file in `incoming/` is one whose claim a power failure undid: looked for only after
///   a reboot and only for unsettled rows, and put away likewise, or removed where it is a second
///   link of the one in `active/`, as a file system without a journal may leave it. (A settled row's
///   renames are durable with its result.)
/// - A `.jsonl` or an import has a row here only when it is finished: chunks are progress, no end.
/// - Order for the worker: `RecoveryStep`.
public struct SpoolRecovery: Sendable, Hashable {
  public enum Row: Sendable, Hashable {
    case none
    /// The outcome is committed, the result's data perhaps not durable.
    case unsettled(done: Bool)
    case settled(done: Bool)
  }

  public enum ActiveFile: Sendable, Hashable {
    case none
    case claimed
  }

  public var row: Row
  public var active: ActiveFile
  /// A file in `incoming/` is this very one (`FileIdentity.isSameAfterReboot`).
  public var hasTwin: Bool
  public var result: ResultState
  /// A job of the same name ended after this one: its row is newer, or, where it left none, its result
  /// stands and says so.
  public var laterEnded: Bool
  public var end: PreviousEnd

  public init(
    row: Row, active: ActiveFile, hasTwin: Bool = false, result: ResultState,
    laterEnded: Bool = false, end: PreviousEnd
  ) {
    self.row = row
    self.active = active
    self.hasTwin = hasTwin
    self.result = result
    self.laterEnded = laterEnded
    self.end = end
  }

  public enum ResultAction: Sendable, Hashable {
    case leave
    /// Write it: there is none.
    case publish
    /// Write it over what stands there.
    case rewrite
  }

  public enum FileAction: Sendable, Hashable {
    case leave
    case remove
    /// `replacing` as for `ResultWriter.moveToFailed`.
    case moveToFailed(replacing: Bool)
  }

  public struct Decision: Sendable, Hashable {
    public var result = ResultAction.leave
    public var active = FileAction.leave
    public var twin = FileAction.leave
    public var runsAgain = false
  }

  /// Whether it must be known if a file in `incoming/` is this one.
  public static func consultsTwin(row: Row, end: PreviousEnd) -> Bool {
    guard case .unsettled = row else { return false }
    return machineEnded(end)
  }

  /// Whether `result` matters: comparing costs reading both.
  public static func consultsResult(
    row: Row, active: ActiveFile, laterEnded: Bool, end: PreviousEnd
  ) -> Bool {
    guard case .unsettled = row, !laterEnded else { return false }
    // The file is put away only after the result stood, and the page cache kept both.
    return machineEnded(end) || active == .claimed
  }

  /// Without a word of the previous worker (the lock file is gone) the worst is assumed.
  private static func machineEnded(_ end: PreviousEnd) -> Bool {
    switch end {
    case .rebooted, .doubtful, .first: true
    case .clean, .killed: false
    }
  }

  public var decision: Decision {
    switch row {
    case .none: Decision(runsAgain: active == .claimed)
    case .settled(let done): Decision(active: active == .none ? .leave : putAway(done: done))
    case .unsettled(let done): unsettled(done: done)
    }
  }

  private func unsettled(done: Bool) -> Decision {
    var decision = Decision(active: active == .none ? .leave : putAway(done: done))
    if hasTwin, Self.consultsTwin(row: row, end: end) {
      // To rename one link of a file over another does nothing at all.
      decision.twin = active == .none ? putAway(done: done) : .remove
    }
    guard
      Self.consultsResult(row: row, active: active, laterEnded: laterEnded, end: end)
    else { return decision }
    switch result {
    case .same: decision.result = end == .doubtful ? .rewrite : .leave
    case .absent: decision.result = .publish
    case .different, .empty: decision.result = .rewrite
    }
    return decision
  }

  private func putAway(done: Bool) -> FileAction {
    done ? .remove : .moveToFailed(replacing: !laterEnded)
  }
}
