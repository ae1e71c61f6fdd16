import Glibc

/// What one database's engine is doing at a moment: what waits, runs and holds up.
public struct EngineSnapshot: Sendable {
  public enum Activity: Sendable, Equatable {
    /// Nothing to write.
    case idle
    case writing
    /// Another process has the write lock, since so many seconds.
    case waitingForLock(seconds: Double)
    /// The environment fails, and it tries again by itself.
    case paused
  }

  public var name: String
  public var path: String
  public var activity: Activity
  public var writer: WriterStatus.Snapshot
  /// One for each priority, most urgent first.
  public var lanes: [Lane]
  /// The longest-running first.
  public var running: [RunningJob]
  /// What may keep an urgent write waiting now.
  public var holdUps: [HoldUp]
  /// Other processes that read from the log while a checkpoint is held back.
  public var foreignReaders: [ForeignProcess]
  public var pool: PoolStatistics
  public var poolSize: Int
  public var cache: CacheStatistics
  /// Jobs that wait, run, or have an outcome that is not delivered yet.
  public var load: (writes: Int, reads: Int)
  public var storage: StorageUsage
  /// Nil where nothing is noted.
  public var monitor: QueryMonitor.Snapshot?
  public var taken: MonotonicTime

  public struct Lane: Sendable, Equatable {
    public var priority: Priority
    public var writes: Int
    public var reads: Int
    /// When the job that has waited longest arrived.
    public var oldestArrival: Timestamp?
    public var isPaused: Bool

    public init(_ priority: Priority) {
      self.priority = priority
      writes = 0
      reads = 0
      isPaused = false
    }

    public var waiting: Int { writes + reads }
  }
}

/// A job that runs.
public struct RunningJob: Sendable {
  public var name: String
  public var priority: Priority
  public var isWrite: Bool
  public var since: MonotonicTime
  /// How often it gave way already.
  public var preemptions: Int
  /// Whether nobody shares its transaction.
  public var isAlone: Bool
}

/// Something that may keep an urgent write waiting for longer than a group of jobs takes.
public struct HoldUp: Sendable, Equatable {
  public enum Kind: String, Sendable {
    /// Another process has the write lock.
    case lock
    /// A job that has given way as often as it must.
    case job
    /// The environment fails.
    case pause
    /// The worker itself said so: a vacuum, an atomic import.
    case work
  }

  public var kind: Kind
  /// In words for an operator.
  public var text: String
  public var seconds: Double
}

/// The lanes of one scheduler.
struct LaneSnapshot: Sendable {
  var count: Int
  var oldestArrival: Timestamp?
  var isPaused: Bool
}

extension PriorityScheduler {
  /// One for each priority, most urgent first.
  var laneSnapshots: [LaneSnapshot] {
    Priority.allCases.map { lane in
      LaneSnapshot(
        count: count(lane), oldestArrival: oldestArrival(lane), isPaused: isPaused(lane))
    }
  }
}

extension Engine {
  /// Looks at everything; never waits for a statement, a transaction or another process.
  public func snapshot() -> EngineSnapshot {
    let now = MonotonicTime.now()
    let writes = inbox.snapshot
    let reads = readers.snapshot
    let status = writerStatus.snapshot
    let lanes = Priority.allCases.indices.map { index -> EngineSnapshot.Lane in
      let (write, read) = (writes.lanes[index], reads.lanes[index])
      var lane = EngineSnapshot.Lane(Priority.allCases[index])
      lane.writes = write.count
      lane.reads = read.count
      lane.oldestArrival = [write.oldestArrival, read.oldestArrival].compactMap { $0 }.min()
      lane.isPaused = write.isPaused || read.isPaused
      return lane
    }
    let lockWait = status.lockWaitSince.map { now.seconds(since: $0) }
    var activity = EngineSnapshot.Activity.idle
    if status.pausedBecause != nil {
      activity = .paused
    } else if let lockWait, lockWait > 0.02 {
      activity = .waitingForLock(seconds: lockWait)
    } else if writes.running != nil {
      activity = .writing
    }
    let both = reads.running + [writes.running].compactMap { $0 }
    let running = both.sorted { $0.since < $1.since }
    return EngineSnapshot(
      name: configuration.name, path: configuration.path, activity: activity, writer: status,
      lanes: lanes, running: running, holdUps: holdUps(activity, status, writes.running, now),
      foreignReaders: status.heldBackPages > 0
        ? LockHolder.readers(ofDatabase: configuration.path) : [],
      pool: pool.statistics, poolSize: configuration.poolSize,
      cache: cache.statistics, load: load,
      storage: StorageUsage(ofDatabase: configuration.path),
      monitor: configuration.monitor?.snapshot(), taken: now)
  }

  private func holdUps(
    _ activity: EngineSnapshot.Activity, _ status: WriterStatus.Snapshot, _ running: RunningJob?,
    _ now: MonotonicTime
  ) -> [HoldUp] {
    var found: [HoldUp] = []
    if let reason = status.pausedBecause {
      let seconds = status.pausedSince.map { Timestamp.now().seconds(since: $0) } ?? 0
      found.append(HoldUp(kind: .pause, text: reason, seconds: seconds))
    }
    if case .waitingForLock(let seconds) = activity {
      let holders = LockHolder.blockingWriters(ofDatabase: configuration.path)
      let who = holders.map { "\($0)" }.joined(separator: ", ")
      found.append(
        HoldUp(
          kind: .lock, text: "\(who.isEmpty ? "another process" : who) holds the write lock",
          seconds: seconds))
    } else if let text = status.holdUp {
      found.append(HoldUp(kind: .work, text: text, seconds: 0))
    }
    if let running, running.isAlone {
      let seconds = now.seconds(since: running.since)
      let isBoundToEnd = running.preemptions >= configuration.scheduler.preemptionsMax
      if isBoundToEnd, seconds > configuration.groupWindow {
        let text = "\(running.name) gave way \(running.preemptions) times and keeps its turn now"
        found.append(HoldUp(kind: .job, text: text, seconds: seconds))
      }
    }
    return found
  }
}
