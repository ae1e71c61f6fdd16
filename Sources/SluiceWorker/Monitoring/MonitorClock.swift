import Sluice

/// Says when the monitor files are written next; a pure value.
struct MonitorClock {
  /// Seconds between two versions while there is something new.
  private var interval: Double
  /// The same while there is nothing.
  private(set) var heartbeat: Double
  private var last: MonotonicTime?
  private var lastActivity = 0

  init(interval: Double, heartbeat: Double) {
    self.interval = min(interval, heartbeat)
    self.heartbeat = heartbeat
  }

  /// Goes by other times; the last version keeps its own.
  mutating func follow(interval: Double, heartbeat: Double) {
    self.interval = min(interval, heartbeat)
    self.heartbeat = heartbeat
  }

  /// - Parameters:
  ///   - activity: another number than last time where something has happened.
  ///   - isBusy: whether something is going on, so that waits grow older.
  /// - Returns: when to ask again at the latest; nil where it is due now, and counts as done.
  mutating func next(_ now: MonotonicTime, activity: Int, isBusy: Bool) -> MonotonicTime? {
    if let last {
      let isNew = activity != lastActivity || isBusy
      let due = last.advanced(bySeconds: isNew ? interval : heartbeat)
      if now < due { return due }
    }
    last = now
    lastActivity = activity
    return nil
  }
}
