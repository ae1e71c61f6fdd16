/// Tells the monitor of the transactions of one writer's session, step by step.
///
/// Confined to the thread of the session.
struct TransactionProbe {
  private let monitor: QueryMonitor
  private var clock: TransactionClock?
  private var walPages = 0

  init(_ monitor: QueryMonitor) { self.monitor = monitor }

  /// - Parameter walPages: pages in the WAL before.
  mutating func asksForLock(_ isolation: IsolationLevel, walPages: Int) {
    self.walPages = walPages
    clock = TransactionClock(isolation: isolation, began: .now(), asked: .now())
  }

  mutating func lockAnswered(hasLock: Bool) {
    guard var clock else { return }
    monitor.lockAnswered(&clock, hasLock: hasLock)
    self.clock = hasLock ? clock : nil
  }

  /// The transaction is over; does nothing where there is none.
  /// - Parameter walPages: pages in the WAL now; fewer than before where it was begun anew.
  mutating func ended(
    _ outcome: TransactionRecord.Outcome, commit: Int64?, jobs: Int, walPages now: Int
  ) {
    guard let clock else { return }
    self.clock = nil
    let pages = outcome == .committed ? (now >= walPages ? now - walPages : now) : 0
    let number = outcome == .undone ? nil : commit
    monitor.ended(clock, .init(outcome, commit: number, jobs: jobs, pages: pages))
  }
}
