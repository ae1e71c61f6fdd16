import CSQLite
import Glibc
import Synchronization

/// Stops the statement that runs on one connection, from any thread or at a deadline.
///
/// SQLite asks it every thousand steps of its virtual machine (some 20 µs) through the progress
/// handler, on the thread that runs the statement; `sqlite3_interrupt` is not used, since it may
/// strike the statement after the one that was meant.
public final class Interrupt: Sendable {
  /// Why a statement was stopped.
  public enum Reason: Int, Sendable {
    /// It outlived its own deadline.
    case timeout = 1
    /// It outlived what a group of jobs may take.
    case groupWindow = 2
    /// Somebody asked for the job to be cancelled.
    case cancelled = 3
    /// More urgent work waits.
    case preempted = 4
    /// The worker stops.
    case stopping = 5
  }

  private let reasonValue = Atomic<Int>(0)
  /// Monotonic nanoseconds; `Int64.max` for none.
  private let deadline = Atomic<Int64>(.max)
  private let groupDeadline = Atomic<Int64>(.max)

  public init() {}

  /// Why the last statement was stopped, or nil.
  public var reason: Reason? { Reason(rawValue: reasonValue.load(ordering: .relaxed)) }

  /// Forgets an earlier stop and sets the deadlines of what runs next.
  /// - Parameters:
  ///   - deadline: monotonic nanoseconds after which it is stopped with `.timeout`.
  ///   - groupDeadline: likewise with `.groupWindow`.
  public func arm(deadline: Int64, groupDeadline: Int64 = .max) {
    reasonValue.store(0, ordering: .relaxed)
    self.deadline.store(deadline, ordering: .relaxed)
    self.groupDeadline.store(groupDeadline, ordering: .relaxed)
  }

  /// Sets the deadline of the next statement of the same job; an earlier stop stands.
  public func extend(deadline: Int64) {
    self.deadline.store(deadline, ordering: .relaxed)
  }

  /// Asks the running statement to stop; the first reason given counts.
  public func stop(_ reason: Reason) {
    _ = reasonValue.compareExchange(
      expected: 0, desired: reason.rawValue, ordering: .relaxed)
  }

  /// Whether the statement must stop now; called by SQLite.
  func shouldStop() -> Bool {
    if reasonValue.load(ordering: .relaxed) != 0 { return true }
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    if now >= deadline.load(ordering: .relaxed) {
      stop(.timeout)
      return true
    }
    if now >= groupDeadline.load(ordering: .relaxed) {
      stop(.groupWindow)
      return true
    }
    return false
  }
}
