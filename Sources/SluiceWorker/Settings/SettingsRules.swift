extension Settings {
  /// `[[cache]]`: which reads may be answered from the cache, and for how long.
  public struct CacheRule: Sendable, Equatable {
    /// A GLOB over the SQL, white space collapsed, case ignored.
    public var match: String
    /// The longest that an entry is served; 0 keeps what matches out of the cache.
    public var ttlSeconds: Double

    public init(match: String, ttlSeconds: Double) {
      self.match = match
      self.ttlSeconds = ttlSeconds
    }

    /// For people: `SELECT * FROM country* for 1m`.
    public var text: String { "\(match) for \(SettingUnits.text(seconds: ttlSeconds))" }
  }

  /// `[[maintenance]]`: what the worker does by itself.
  public struct Maintenance: Sendable, Equatable {
    public enum Task: String, Sendable, CaseIterable {
      case optimize, analyze, checkpoint, vacuum
      case incrementalVacuum = "incremental_vacuum"
      case integrityCheck = "integrity_check"
      /// Removes results and outcomes whose retention is over.
      case prune
    }

    public enum Schedule: Sendable, Equatable {
      case everySeconds(Double)
      /// Once a day, in the worker's local time.
      case daily(hour: Int, minute: Int)

      /// An interval, or a time of day: `1d`, `03:30`.
      public var text: String {
        switch self {
        case .everySeconds(let seconds): SettingUnits.text(seconds: seconds)
        case .daily(let hour, let minute): Self.digits(hour) + ":" + Self.digits(minute)
        }
      }

      private static func digits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
      }
    }

    public var task: Task
    public var schedule: Schedule
    /// Nil: all of them.
    public var database: String?
    /// Of a vacuum: the share of the file's pages that must be free, or it is not needed.
    public var freeShare: Double

    public init(
      task: Task, schedule: Schedule, database: String? = nil, freeShare: Double = 0
    ) {
      self.task = task
      self.schedule = schedule
      self.database = database
      self.freeShare = freeShare
    }

    /// For people: `optimize every 1d`, `vacuum at 03:30 in main`.
    public var text: String {
      let word =
        switch schedule {
        case .everySeconds: "every"
        case .daily: "at"
        }
      let place = database.map { " in \($0)" } ?? ""
      let need = freeShare > 0 ? " if \(freeShare) is free" : ""
      return "\(task.rawValue) \(word) \(schedule.text)\(place)\(need)"
    }
  }
}
