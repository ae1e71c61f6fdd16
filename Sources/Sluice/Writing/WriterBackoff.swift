/// How long the writer rests after the environment failed it; pure but for the clock it is asked at.
struct WriterBackoff {
  private var failures = 0
  /// The end of the rest, or nil.
  private(set) var until: MonotonicTime?
  private let policy = RetryPolicy(baseSeconds: 0.05, ceilingSeconds: 2)

  /// A full or failing disk, or a database that cannot be opened.
  mutating func failed() {
    failures += 1
    until = MonotonicTime.now().advanced(bySeconds: policy.longestDelay(attempt: failures))
  }

  /// The write lock was waited for in vain: that wait was rest enough for all but a short pause.
  mutating func waited() {
    failures += 1
    let delay = policy.delay(attempt: failures, random: .random(in: 0..<1))
    until = MonotonicTime.now().advanced(bySeconds: delay)
  }

  mutating func succeeded() {
    failures = 0
    until = nil
  }
}
