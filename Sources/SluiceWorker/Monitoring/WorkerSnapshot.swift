import Sluice
import Spool

/// All that the monitor files of one moment are made from; a value.
struct WorkerSnapshot: Sendable {
  enum Phase: String, Sendable {
    case running, stopping, stopped
  }

  /// What is seen of `incoming/`; the loop's knowledge.
  struct Incoming: Sendable {
    struct Lane: Sendable {
      var lane: IncomingLane
      /// Files of the last look that are not claimed yet.
      var backlog: Int
      /// Files that cannot be claimed yet.
      var resting: Int
      /// Files that cannot be claimed at all.
      var refused: Int
      var directories: Int
    }

    var lanes: [Lane] = []
    /// Jobs that wait for a time, for other jobs or for the end of a pause.
    var held = 0
    var pauses = PauseSet()
    /// Databases that could not be opened yet.
    var lateDatabases: [String] = []
    /// Seconds within which the next version is written.
    var heartbeat = 15.0
    var phase = Phase.running

    /// Whose jobs do not begin at present, in words.
    var pausedWords: [String] {
      pauses.words + lateDatabases.map { "database \($0), which is not there yet" }
    }

    var directories: Int { lanes.reduce(0) { $0 + $1.directories } }
    var refused: Int { lanes.reduce(0) { $0 + $1.refused } }
    var backlog: Int { lanes.reduce(0) { $0 + $1.backlog + $1.resting } }
  }

  /// Since the snapshot before this one.
  struct Rates: Sendable {
    var seconds = 0.0
    var jobs = 0.0
    var commits = 0.0
    /// Of one CPU.
    var cpu = 0.0
  }

  var at: Timestamp
  var started: Timestamp
  var pid: Int32
  var spool: String
  /// The longest, in seconds, until the next heartbeat.
  var heartbeat: Double
  var isMonitored: Bool
  var incoming: Incoming
  /// Jobs claimed and not finished.
  var unfinished: Int
  /// Outcomes whose results are still to be written.
  var unpublished: Int
  var outcomes: OutcomeCounts.Snapshot
  var databases: [Database]
  var resources: ResourceUsage
  var spoolFreeBytes: Int64
  var rates = Rates()
  /// Jobs a second of the last snapshots, oldest first.
  var history: [Double] = []

  /// One engine, with what was noted of it over several snapshots.
  struct Database: Sendable {
    var engine: EngineSnapshot
    /// Transactions, newest first.
    var recent: [TransactionRecord] = []
    /// Plans of slow statements by fingerprint.
    var plans: [UInt64: [String]] = [:]
  }

  var uptime: Double { max(0, at.seconds(since: started)) }

  /// Jobs that wait for their turn.
  var waiting: Int { databases.reduce(0) { $0 + $1.engine.lanes.reduce(0) { $0 + $1.waiting } } }

  /// Both schedulers' lanes of all databases together.
  func lane(_ priority: Priority) -> EngineSnapshot.Lane {
    var sum = EngineSnapshot.Lane(priority)
    for database in databases {
      let lane = database.engine.lanes[Int(priority.rawValue)]
      sum.writes += lane.writes
      sum.reads += lane.reads
      sum.isPaused = sum.isPaused || lane.isPaused || holds(database, priority)
      sum.oldestArrival = [sum.oldestArrival, lane.oldestArrival].compactMap { $0 }.min()
    }
    return sum
  }

  /// Whether operators paused that lane of that database.
  func holds(_ database: Database, _ priority: Priority) -> Bool {
    incoming.pauses.holds(database: database.engine.name, priority)
  }

  func oldestWait(_ lane: EngineSnapshot.Lane) -> Double? {
    lane.oldestArrival.map { max(0, at.seconds(since: $0)) }
  }
}

/// Numbers as monitor files give them.
enum Rounded {
  /// Seconds to the microsecond, ratios to a millionth.
  static func micro(_ number: Double) -> Double { (number * 1e6).rounded() / 1e6 }
  static func tenth(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}
