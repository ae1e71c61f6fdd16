import Glibc

/// A mutex with the state it guards and the conditions that threads wait for (Hoare's monitor).
///
/// For plain threads of the worker's own only: whoever waits here blocks its thread, which Swift's
/// cooperative pool must not. Also where nobody ever waits for a condition, in place of
/// `Synchronization.Mutex`: that one is handed over inside the kernel when two threads want it, which
/// a thread sanitizer does not see, and takes for a race.
///
/// `@unchecked Sendable`: every stored property is a constant pointer; what `state` points to is
/// `Sendable`, and it is touched only between `lock()` and `unlock()` of the one `mutex`, which
/// traps on a thread that enters it twice. The mutex and conditions are allocated, hence never
/// moved, until `deinit`, when no other reference exists.
public final class Monitor<State: ~Copyable & Sendable>: @unchecked Sendable {
  private let state: UnsafeMutablePointer<State>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let conditions: UnsafeMutablePointer<pthread_cond_t>
  private let conditionCount: Int

  /// - Parameter conditions: how many different things threads wait for; each has a number from 0.
  public init(_ initial: consuming State, conditions count: Int = 1) {
    precondition(count >= 1, "a Monitor needs a condition; use Mutex where nobody waits")
    state = .allocate(capacity: 1)
    state.initialize(to: initial)
    mutex = .allocate(capacity: 1)
    conditions = .allocate(capacity: count)
    conditionCount = count
    var mutexAttributes = pthread_mutexattr_t()
    Self.check(pthread_mutexattr_init(&mutexAttributes), "pthread_mutexattr_init")
    // Error checking costs a few ns and turns a self-deadlock into a trap that names it.
    let kind = Int32(PTHREAD_MUTEX_ERRORCHECK)
    Self.check(pthread_mutexattr_settype(&mutexAttributes, kind), "pthread_mutexattr_settype")
    Self.check(pthread_mutex_init(mutex, &mutexAttributes), "pthread_mutex_init")
    pthread_mutexattr_destroy(&mutexAttributes)
    var attributes = pthread_condattr_t()
    Self.check(pthread_condattr_init(&attributes), "pthread_condattr_init")
    Self.check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "pthread_condattr_setclock")
    for index in 0..<count {
      Self.check(pthread_cond_init(conditions + index, &attributes), "pthread_cond_init")
    }
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    for index in 0..<conditionCount { pthread_cond_destroy(conditions + index) }
    pthread_mutex_destroy(mutex)
    conditions.deallocate()
    mutex.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Runs `body` with the state, alone. Traps when the calling thread is already inside.
  public func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body(&state.pointee)
  }

  /// Runs `body` alone, again after each signal to `condition`, until it returns a value; nil once
  /// `deadline` has passed and a last run of `body` gave none. Without a deadline it waits for ever.
  public func wait<Result: ~Copyable>(
    for condition: Int = 0, until deadline: MonotonicTime? = nil,
    _ body: (inout State) -> Result?
  ) -> Result? {
    precondition(condition < conditionCount, "no condition \(condition) in this Monitor")
    lock()
    defer { unlock() }
    var expired = false
    // In a loop, since a wake-up may be spurious, or another thread may have been faster.
    while true {
      if let result = body(&state.pointee) { return result }
      if expired { return nil }
      guard let deadline else {
        Self.check(pthread_cond_wait(conditions + condition, mutex), "pthread_cond_wait")
        continue
      }
      var time = timespec(
        tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
        tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
      let code = pthread_cond_timedwait(conditions + condition, mutex, &time)
      if code == ETIMEDOUT {
        expired = true
      } else {
        Self.check(code, "pthread_cond_timedwait")
      }
    }
  }

  /// Wakes one thread that waits for `condition`; costs no system call when there is none.
  public func signal(_ condition: Int = 0) {
    precondition(condition < conditionCount, "no condition \(condition) in this Monitor")
    pthread_cond_signal(conditions + condition)
  }

  /// Wakes all threads that wait for `condition`.
  public func broadcast(_ condition: Int = 0) {
    precondition(condition < conditionCount, "no condition \(condition) in this Monitor")
    pthread_cond_broadcast(conditions + condition)
  }

  private func lock() {
    let code = pthread_mutex_lock(mutex)
    precondition(code != EDEADLK, "Monitor entered twice by one thread")
    Self.check(code, "pthread_mutex_lock")
  }

  private func unlock() { Self.check(pthread_mutex_unlock(mutex), "pthread_mutex_unlock") }

  /// With sound arguments these calls fail only for lack of memory or through a bug of ours.
  private static func check(_ code: Int32, _ call: StaticString) {
    precondition(code == 0, "\(call): errno \(code)")
  }
}
