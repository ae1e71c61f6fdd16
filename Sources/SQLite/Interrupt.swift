import CSQLite
import Glibc
import Synchronization

/// Stops the job's statement that runs on one connection, from any thread or at a deadline; never
/// one of the engine's own.
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
    /// The job is not finished by the time it had to be.
    case expired = 6
  }

  private let reasonValue = Atomic<Int>(0)
  /// Monotonic nanoseconds; `Int64.max` for none.
  private let deadline = Atomic<Int64>(.max)
  private let groupDeadline = Atomic<Int64>(.max)
  private let runsAlone = Atomic<Bool>(false)
  private let isUnwelcome = Atomic<Bool>(false)

  public init() {}

  /// Why the last statement was stopped, or nil.
  public var reason: Reason? { Reason(rawValue: reasonValue.load(ordering: .relaxed)) }

  /// Forgets an earlier stop and sets the bounds of the job that runs next.
  /// - Parameters:
  ///   - groupDeadline: monotonic nanoseconds after which it is stopped with `.groupWindow`, or,
  ///     where it runs alone, with `.preempted` if `preempt()` was called.
  ///   - runsAlone: whether no other job shares its transaction.
  public func arm(groupDeadline: Int64 = .max, runsAlone: Bool = false) {
    reasonValue.store(0, ordering: .relaxed)
    deadline.store(.max, ordering: .relaxed)
    self.groupDeadline.store(groupDeadline, ordering: .relaxed)
    self.runsAlone.store(runsAlone, ordering: .relaxed)
    isUnwelcome.store(false, ordering: .relaxed)
  }

  /// More urgent work waits: the job is stopped unless it ends within the group's window.
  public func preempt() { isUnwelcome.store(true, ordering: .relaxed) }

  /// Sets the deadline of the job's next statement, in monotonic nanoseconds; after it the
  /// statement is stopped with `.timeout`. An earlier stop stands.
  public func extend(deadline: Int64) {
    self.deadline.store(deadline, ordering: .relaxed)
  }

  /// Asks the running statement to stop; the first reason given counts.
  public func stop(_ reason: Reason) {
    _ = reasonValue.compareExchange(
      expected: 0, desired: reason.rawValue, ordering: .relaxed)
  }

  /// Monotonic nanoseconds.
  static func clock() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Whether the job must stop now. SQLite asks while a statement runs on; whoever runs many short
  /// ones asks between them.
  public var isDue: Bool {
    if reasonValue.load(ordering: .relaxed) != 0 { return true }
    let now = Self.clock()
    if now >= deadline.load(ordering: .relaxed) {
      stop(.timeout)
      return true
    }
    guard now >= groupDeadline.load(ordering: .relaxed) else { return false }
    if runsAlone.load(ordering: .relaxed) {
      guard isUnwelcome.load(ordering: .relaxed) else { return false }
      stop(.preempted)
    } else {
      stop(.groupWindow)
    }
    return true
  }
}
