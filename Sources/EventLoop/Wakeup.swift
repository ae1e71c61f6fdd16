import CLibuv
import Synchronization

/// Lets other threads end the loop's wait.
///
/// Belongs to its loop's thread; what other threads get is its `trigger`. Closed at the latest
/// when let go.
public final class Wakeup {
  /// Wakes the loop, from any thread and at any time.
  public final class Trigger: Sendable {
    /// The handle's address while it is open. The lock keeps `close` from coming between the look
    /// and the send, after which the storage may be gone.
    private let address: Mutex<UInt>

    fileprivate init(_ raw: UnsafeMutablePointer<uv_async_t>) {
      address = Mutex(UInt(bitPattern: raw))
    }

    /// Makes the loop call `onWake` soon, once for any number of wakes before that call begins.
    /// Does nothing once the `Wakeup` is closed. Never blocks on the loop.
    public func wake() {
      address.withLock { address in
        guard let raw = UnsafeMutablePointer<uv_async_t>(bitPattern: address) else { return }
        uv_async_send(raw)  // Its one error is a handle of another kind.
      }
    }

    fileprivate func disarm() { address.withLock { $0 = 0 } }
  }

  public let trigger: Trigger
  private let handle: Handle<uv_async_t, Void>

  public init(on loop: Loop, onWake: @escaping () -> Void) throws(LoopError) {
    handle = try Handle(on: loop, "uv_async_init", receive: onWake) { loop, raw in
      uv_async_init(loop, raw) { Handle<uv_async_t, Void>.deliver((), to: $0) }
    }
    trigger = Trigger(handle.raw)
  }

  deinit { close() }

  /// Ends the wake-ups; triggers still held do nothing from then on. Allowed twice and in `onWake`.
  public func close() {
    trigger.disarm()
    handle.close()
  }
}
