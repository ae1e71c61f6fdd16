/// The steps by which an outcome becomes files, in the order that a crash between any two of them
/// can be put right: decides, and touches nothing.
public enum PublicationPlan: Sendable, Hashable {
  /// It has a ledger row, from which its result can be made again.
  case recorded(done: Bool, isBatch: Bool)
  /// A read that is done: only its file, until its result is durable, makes it again.
  case read
  /// A command that is done, and must not be given a second time.
  case command
  /// Nothing ran, or nothing is recorded of it: its result is all that says so.
  case unrecorded(isBatch: Bool)

  public enum Step: Sendable, Hashable {
    /// An older read of the name loses its file, or it would run again after a crash and put its own
    /// result back.
    case giveWay
    /// The results of a batch's lines, before the totals.
    case publishLines
    /// Those of an earlier batch go.
    case withdrawLines
    /// What is left of a batch or an import goes to `failed/`: whoever sees the result finds it.
    case leaveOver
    case publish
    /// The same, its data durable before it stands.
    case publishDurably
    /// From now on the row, or the read's file, waits for the result to be durable.
    case owe
    /// The job's file goes.
    case remove
    /// The job's file goes to `failed/`, unless what is left of it is there.
    case putAway
  }

  public var steps: [Step] {
    switch self {
    case .recorded(let done, let isBatch):
      (isBatch ? [.giveWay, .publishLines] : [.giveWay])
        + (done ? [.publish, .owe, .remove] : [.leaveOver, .publish, .owe, .putAway])
    case .read: [.giveWay, .publish, .owe]
    case .command: [.giveWay, .publishDurably, .remove]
    case .unrecorded(let isBatch):
      (isBatch ? [.giveWay, .withdrawLines] : [.giveWay]) + [.publishDurably, .putAway]
    }
  }
}

/// The steps that make published results durable and let go of what was kept until then, in order.
public enum SettlementStep: CaseIterable, Sendable {
  /// One sync of the file system; where it fails, nothing else happens.
  case sync
  /// The rows are asked to be settled; with the next commit they are.
  case rows
  /// The files of reads go.
  case readFiles
}

/// The steps in which a start puts right what the worker before left, in order: whoever finds a
/// settled row finds no file of its job, neither now nor after another crash.
public enum RecoveryStep: CaseIterable, Sendable {
  case results
  case settleResults
  case files
  case settleFiles
  case settleRows
}
