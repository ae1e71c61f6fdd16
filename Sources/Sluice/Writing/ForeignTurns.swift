/// Leaves gaps for other processes that write to the same database; pure.
///
/// SQLite's busy handler polls at gaps that grow to 25 ms in its first 128 ms, so a writer that
/// meets back-to-back groups may find none. One gap of 25 ms in every 100 ms gave a plain writer a
/// p99 of 130 ms, at the price of a fifth of the throughput: paid only while somebody else has the
/// database open.
struct ForeignTurns {
  static let gapSeconds = 0.025
  static let everySeconds = 0.100
  /// Reading /proc/locks costs some 20 µs.
  static let lookSeconds = 0.100

  private var lookAgain = MonotonicTime(nanoseconds: .min)
  private var lastGap: MonotonicTime?
  private var someoneIsThere = false

  /// The gap to leave now, in seconds.
  /// - Parameter look: whether another process has the database open.
  mutating func gap(now: MonotonicTime, look: () -> Bool) -> Double? {
    if now >= lookAgain {
      someoneIsThere = look()
      lookAgain = now.advanced(bySeconds: Self.lookSeconds)
    }
    guard someoneIsThere else { return nil }
    if let lastGap, now.seconds(since: lastGap) < Self.everySeconds { return nil }
    lastGap = now.advanced(bySeconds: Self.gapSeconds)
    return Self.gapSeconds
  }
}
