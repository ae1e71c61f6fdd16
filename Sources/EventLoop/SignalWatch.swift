import CLibuv

/// Calls a closure on the loop's thread when the process gets a signal.
///
/// Belongs to its loop's thread. While it is open the signal's default action is off, for the
/// whole process; afterwards it is back. Equal signals that come close together may be one call.
/// Closed at the latest when let go.
public final class SignalWatch {
  private let handle: Handle<uv_signal_t, Int32>

  /// - Parameter signal: `SIGTERM`, `SIGINT`, `SIGHUP`… but not `SIGKILL` or `SIGSTOP`.
  /// - Throws: `other` (`EINVAL`) for a signal that cannot be caught.
  public init(
    on loop: Loop, signal: Int32, onSignal: @escaping (Int32) -> Void
  ) throws(LoopError) {
    handle = try Handle(on: loop, "uv_signal_init", receive: onSignal) { uv_signal_init($0, $1) }
    let code = uv_signal_start(
      handle.raw, { Handle<uv_signal_t, Int32>.deliver($1, to: $0) }, signal)
    // Throwing runs deinit, for the one property is set: the handle is closed there.
    try LoopError.check(code, "uv_signal_start", subject: "signal \(signal)")
  }

  deinit { handle.close() }

  /// Ends the watch. Allowed twice and in `onSignal`.
  public func close() { handle.close() }
}
