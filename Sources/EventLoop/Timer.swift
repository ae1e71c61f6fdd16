import CLibuv

/// Calls a closure once after a while, or again and again.
///
/// Belongs to its loop's thread. Closed at the latest when let go. Precise to a millisecond, never
/// early by more; late by as long as the loop's owner works between runs.
public final class Timer {
  private let handle: Handle<uv_timer_t, Void>

  /// Makes a timer that is not started.
  public init(on loop: Loop, onFire: @escaping () -> Void) throws(LoopError) {
    handle = try Handle(on: loop, "uv_timer_init", receive: onFire) { uv_timer_init($0, $1) }
  }

  deinit { handle.close() }

  /// Fires `delay` milliseconds from now, then every `interval` milliseconds if that is given.
  ///
  /// A started timer is started anew. An interval of 0 means once. Rounds missed while the owner
  /// was busy are not made up for.
  public func start(afterMilliseconds delay: UInt64, everyMilliseconds interval: UInt64 = 0) {
    handle.checkOpen()
    handle.updateTime()
    uv_timer_start(
      handle.raw, { Handle<uv_timer_t, Void>.deliver((), to: $0) }, delay, interval)
  }

  /// Fires no more until it is started again.
  public func stop() {
    handle.checkOpen()
    uv_timer_stop(handle.raw)
  }

  /// Whether it is going to fire.
  public var isActive: Bool { handle.isActive }

  /// Ends the timer for good. Allowed twice and in `onFire`.
  public func close() { handle.close() }
}
