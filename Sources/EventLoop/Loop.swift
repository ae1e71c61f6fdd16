import CLibuv
import Glibc

/// Waits in the kernel for timers, directories, signals and wake-ups, and calls their closures.
///
/// Belongs to the thread that made it; every call from another thread traps, as do all its
/// handles (only a `Wakeup.Trigger` may be used from anywhere). It has no `run` without end: the
/// owner computes its next deadline, calls `runOnce` and acts on what the callbacks recorded.
public final class Loop {
  let raw: UnsafeMutablePointer<uv_loop_t>
  private let deadline: UnsafeMutablePointer<uv_timer_t>
  private let thread = pthread_self()
  private var callbacks = 0
  private var isRunning = false
  private var isClosed = false

  public init() throws(LoopError) {
    let raw = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    let deadline = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    do throws(LoopError) {
      try LoopError.check(uv_loop_init(raw), "uv_loop_init")
    } catch {
      raw.deallocate()
      deadline.deallocate()
      throw error
    }
    uv_timer_init(raw, deadline)  // Only fills in the structure; it has no way to fail.
    self.raw = raw
    self.deadline = deadline
  }

  deinit {
    // Every handle keeps its loop until it is closed, so here none is left.
    if !isClosed { release() }
  }

  /// Waits until something happens, at most `milliseconds` (nil: without end; 0 or less: not at
  /// all), and runs the callbacks that are due.
  ///
  /// A timer that is due on entry ends the wait, too. With nil and no active handle there is
  /// nothing to wait for and it returns at once.
  ///
  /// - Returns: whether a callback ran.
  @discardableResult
  public func runOnce(waitingUpTo milliseconds: Int?) -> Bool {
    guard let milliseconds else { return run(UV_RUN_ONCE) }
    guard milliseconds > 0 else { return run(UV_RUN_NOWAIT) }
    checkUsable()
    // The loop's clock stands still between runs: started from it, the wait would be shortened
    // by the time the owner has worked since.
    uv_update_time(raw)
    uv_timer_start(deadline, { _ in }, UInt64(milliseconds), 0)
    defer { uv_timer_stop(deadline) }
    return run(UV_RUN_ONCE)
  }

  /// Runs the callbacks that are due without waiting.
  ///
  /// - Returns: whether a callback ran.
  @discardableResult
  public func runNoWait() -> Bool { run(UV_RUN_NOWAIT) }

  /// Finishes the closing of closed handles and gives the loop back to the system.
  ///
  /// - Throws: `busy`, naming the kinds of handles that were not closed; the loop then goes on
  ///   as before.
  public func close() throws(LoopError) {
    if isClosed { return }
    checkUsable()
    precondition(!isRunning, "a Loop cannot be closed by one of its callbacks")
    let open = openHandles()
    if !open.isEmpty {
      throw LoopError(UV_EBUSY.rawValue, "uv_loop_close", subject: open.joined(separator: ", "))
    }
    release()
  }

  /// Called before each callback. A timer's callback runs before libuv waits; without the stop
  /// (which only ends this run) its record would lie there until something else happens.
  func noteCallback() {
    callbacks += 1
    uv_stop(raw)
  }

  func checkThread() {
    precondition(
      pthread_equal(thread, pthread_self()) != 0,
      "a Loop and its handles belong to the thread that made the loop")
  }

  private func checkUsable() {
    checkThread()
    precondition(!isClosed, "the Loop is closed")
  }

  @discardableResult
  private func run(_ mode: uv_run_mode) -> Bool {
    checkUsable()
    precondition(!isRunning, "a Loop cannot be run by one of its callbacks")
    isRunning = true
    defer { isRunning = false }
    let before = callbacks
    uv_run(raw, mode)
    return callbacks != before
  }

  /// Kinds of the handles that were not closed, the loop's own aside.
  private func openHandles() -> [String] {
    var found: [UnsafeMutablePointer<uv_handle_t>] = []
    // Not `&found` in the call itself: that would pass the array's elements, not the array.
    withUnsafeMutablePointer(to: &found) { found in
      uv_walk(
        raw,
        { handle, found in
          guard let handle, let found, uv_is_closing(handle) == 0 else { return }
          found.assumingMemoryBound(to: [UnsafeMutablePointer<uv_handle_t>].self).pointee
            .append(handle)
        }, found)
    }
    return found.compactMap { handle in
      if UnsafeMutableRawPointer(handle) == UnsafeMutableRawPointer(deadline) { return nil }
      return uv_handle_type_name(uv_handle_get_type(handle)).map { String(cString: $0) }
    }
  }

  private func release() {
    isClosed = true
    UnsafeMutableRawPointer(deadline).withMemoryRebound(to: uv_handle_t.self, capacity: 1) {
      uv_close($0, nil)
    }
    uv_run(raw, UV_RUN_NOWAIT)
    let code = uv_loop_close(raw)
    precondition(code == 0, "uv_loop_close: \(LoopError(code, "uv_loop_close"))")
    deadline.deallocate()
    raw.deallocate()
  }
}
