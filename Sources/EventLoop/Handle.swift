import CLibuv

/// What libuv keeps a pointer to: one handle's storage and the closure that its events go to.
///
/// Lives, whoever lets go of it, from `init` until libuv has called the close callback: the
/// reference that the C side holds is released there and nowhere else. Keeps its loop as long.
final class Handle<Raw, Event> {
  let raw: UnsafeMutablePointer<Raw>
  private let loop: Loop
  /// nil once closed: no event arrives after `close`, and what the closure captured is let go.
  private var receive: ((Event) -> Void)?

  /// - Parameter initialize: libuv's `uv_…_init`. If it fails, nothing is left to close.
  init(
    on loop: Loop, _ operation: String, receive: @escaping (Event) -> Void,
    initialize: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Raw>) -> Int32
  ) throws(LoopError) {
    loop.checkThread()
    let raw = UnsafeMutablePointer<Raw>.allocate(capacity: 1)
    do throws(LoopError) {
      try LoopError.check(initialize(loop.raw, raw), operation)
    } catch {
      raw.deallocate()
      throw error
    }
    self.raw = raw
    self.loop = loop
    self.receive = receive
    uv_handle_set_data(base, Unmanaged.passRetained(self).toOpaque())
  }

  deinit { raw.deallocate() }

  /// The view of the same storage that the functions for all kinds of handles take.
  private var base: UnsafeMutablePointer<uv_handle_t> { Self.base(of: raw) }

  private static func base(of raw: UnsafeMutablePointer<Raw>) -> UnsafeMutablePointer<uv_handle_t> {
    // Every uv_…_t begins with the fields of uv_handle_t; libuv casts the same way.
    UnsafeMutableRawPointer(raw).assumingMemoryBound(to: uv_handle_t.self)
  }

  var isOpen: Bool { receive != nil }

  /// Started and neither stopped, run out nor closed.
  var isActive: Bool {
    loop.checkThread()
    return isOpen && uv_is_active(base) != 0
  }

  /// Traps unless on the loop's thread and open: libuv must not be given a closed handle.
  func checkOpen() {
    loop.checkThread()
    precondition(isOpen, "the handle is closed")
  }

  /// Ends the events at once; the storage goes when the loop runs next. Closing twice, and inside
  /// the handle's own callback, is allowed.
  func close() {
    loop.checkThread()
    guard receive != nil else { return }
    receive = nil
    uv_close(base) { base in
      guard let base, let data = uv_handle_get_data(base) else { return }
      Unmanaged<AnyObject>.fromOpaque(data).release()
    }
  }

  /// Brings the loop's idea of now up to date, from which timers are counted.
  func updateTime() { uv_update_time(loop.raw) }

  /// Called by libuv's callbacks: hands `event` to the closure of the handle behind `raw`.
  static func deliver(_ event: Event, to raw: UnsafeMutablePointer<Raw>?) {
    guard let raw, let data = uv_handle_get_data(base(of: raw)) else { return }
    let handle = Unmanaged<Handle>.fromOpaque(data).takeUnretainedValue()
    // Held here, for `close` in the closure drops the property.
    guard let receive = handle.receive else { return }
    handle.loop.noteCallback()
    receive(event)
  }
}
