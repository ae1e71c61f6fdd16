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

      /// The setting that says when it is needed; nil for what always is.
      public var needName: String? {
        switch self {
        case .vacuum, .incrementalVacuum: "free"
        case .optimize, .analyze: "changed"
        case .checkpoint, .integrityCheck, .prune: nil
        }
      }

      var needByDefault: Double { self == .optimize ? 0.1 : 0 }
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
    /// The share from which on it is needed: of a vacuum, of the file's pages that are free; of optimize
    /// and analyze, of the rows that were written since the last time. 0: always.
    public var need: Double

    public init(
      task: Task, schedule: Schedule, database: String? = nil, need: Double = 0
    ) {
      self.task = task
      self.schedule = schedule
      self.database = database
      self.need = need
    }

    /// For people: `optimize every 1d`, `vacuum at 03:30 in main`.
    public var text: String {
      let word =
        switch schedule {
        case .everySeconds: "every"
        case .daily: "at"
        }
      let place = database.map { " in \($0)" } ?? ""
      let isNeeded =
        need > 0 ? " if \(need) \(task.needName == "free" ? "is free" : "has changed")" : ""
      return "\(task.rawValue) \(word) \(schedule.text)\(place)\(isNeeded)"
    }
  }
}
