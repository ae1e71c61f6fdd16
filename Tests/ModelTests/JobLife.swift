import Spool

/// The life of two jobs that two producers drop under one name, with a consumer who takes results
/// away, and a worker that may be killed, or lose its power, between any two steps.
///
/// Steps and decisions are the worker's own (`PublicationPlan`, `SettlementStep`, `RecoveryStep`,
/// `SpoolRecovery`); what the file system keeps is modelled: names in the order of a journal, of
/// which a power failure loses the end, and data of results, which it loses where nothing synced it.
struct JobLife: Hashable {
  enum Kind: CaseIterable {
    case done, failed, read, command, rejected

    var hasRow: Bool { self == .done || self == .failed }
    var goesToFailed: Bool { self == .failed || self == .rejected }
  }

  /// A result as it stands under the name.
  struct Result: Hashable {
    var job: Int
    /// Which outcome of all it tells of: a later one has a higher number.
    var ended: Int
    var isDurable = false
    /// Whether it can be read; a power failure empties what is not durable.
    var isWhole = true
  }

  /// The names of a spool.
  struct Names: Hashable {
    var incoming: Int?
    var active: Set<Int> = []
    var result: Result?
    /// Whose file is in `failed/`.
    var failed: Int?

    mutating func apply(_ change: Change) {
      switch change {
      case .drop(let job): incoming = job
      case .claim(let job):
        incoming = nil
        active.insert(job)
      case .result(let new): result = new
      case .take: result = nil
      case .remove(let job): active.remove(job)
      case .putAway(let job, let replacing):
        active.remove(job)
        if replacing || failed == nil { failed = job }
      case .removeTwin: incoming = nil
      case .putTwinAway(let job, let replacing):
        incoming = nil
        if replacing || failed == nil { failed = job }
      }
    }
  }

  enum Change: Hashable {
    case drop(Int)
    case claim(Int)
    case result(Result)
    case take
    case remove(Int)
    case putAway(Int, replacing: Bool)
    case removeTwin
    case putTwinAway(Int, replacing: Bool)
  }

  struct Row: Hashable {
    var job: Int
    var ended: Int
  }

  struct Outcome: Hashable {
    var job: Int
    var ended: Int
    /// The number of its row.
    var row: Int?
  }

  /// What a living worker has in memory.
  struct Worker: Hashable {
    /// What is left of the start; then claims begin.
    var repairs: [Repair] = []
    var claimed: [Int] = []
    var outcomes: [Outcome] = []
    /// Steps taken for the first outcome.
    var published = 0
    /// Which outcome's result waits to be durable under the name.
    var owed: Outcome?
    var reads: Set<Int> = []
    var highestRow = -1
    var settling: Settling?
    /// Rows that the next commit settles.
    var asked = -1
  }

  struct Settling: Hashable {
    var step = 0
    var row: Int
    var reads: Set<Int>
    var owed: Outcome?
  }

  enum Repair: Hashable {
    case change(Change)
    case sync
    case ask(Int)
    case claimed(Int)
    case recovered
  }

  let kinds: [Kind]
  var durable = Names()
  /// Changes of names that a power failure may lose, the last ones first.
  var pending: [Change] = []
  /// The ledger: a commit is durable at once.
  var rows: [Row] = []
  var settled = -1
  var effects: [Int]
  var outcomeCount = 0
  var dropped: [Bool]
  /// The latest outcome that the consumer took, or is sure to have seen.
  var taken = 0
  /// Jobs whose results have stood, and the one that was the last to come first.
  var publishedJobs: Set<Int> = []
  var newest: Int?
  /// An older job's result has replaced that of a newer one.
  var hasComeBack = false
  var hasLostPower = false
  var worker: Worker? = Worker()
  var isInDoubt = false
  var isRebooted = false
  var crashesLeft: Int
  var takesLeft: Int

  init(_ kinds: [Kind], crashes: Int, takes: Int) {
    self.kinds = kinds
    effects = kinds.map { _ in 0 }
    dropped = kinds.map { _ in false }
    crashesLeft = crashes
    takesLeft = takes
  }

  /// The names as everybody sees them.
  var names: Names {
    var names = durable
    for change in pending { names.apply(change) }
    return names
  }

  mutating func change(_ change: Change) { pending.append(change) }

  /// A sync of the whole file system.
  mutating func sync() {
    durable = names
    durable.result?.isDurable = true
    pending = []
  }

  /// A sync of a directory: its names and, in a journal, all before them.
  mutating func syncNames() {
    durable = names
    pending = []
  }
}
