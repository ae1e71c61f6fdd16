import EventLoop
import Glibc
import Testing

// One after the other: a signal reaches every watch in the process.
@Suite("SignalWatch", .serialized) struct SignalWatchTests {
  /// To the process, not with `raise`: the threads that run tests block signals.
  private func send(_ signal: Int32) { kill(getpid(), signal) }

  @Test("a signal is delivered on the loop's thread, and does not end the process")
  func delivered() throws {
    let loop = try Loop()
    let seen = Record<Int32>()
    let watch = try SignalWatch(on: loop, signal: SIGHUP, onSignal: seen.add)
    send(SIGHUP)
    #expect(seen.entries.isEmpty)
    #expect(loop.run { !seen.entries.isEmpty })
    #expect(seen.entries == [SIGHUP])
    watch.close()
    try loop.close()
  }

  @Test("a watch closed in its own callback hears no second signal")
  func closeInCallback() throws {
    let loop = try Loop()
    let closed = Record<Int32>()
    let open = Record<Int32>()
    var first: SignalWatch?
    first = try SignalWatch(on: loop, signal: SIGUSR1) { signal in
      closed.add(signal)
      first?.close()
      first = nil
    }
    let second = try SignalWatch(on: loop, signal: SIGUSR1, onSignal: open.add)
    send(SIGUSR1)
    #expect(loop.run { open.entries.count == 1 && closed.entries.count == 1 })
    send(SIGUSR1)
    #expect(loop.run { open.entries.count == 2 })
    #expect(closed.entries.count == 1)
    #expect(first == nil)
    second.close()
    try loop.close()
  }

  @Test("a signal that cannot be caught is an error")
  func uncatchable() throws {
    let loop = try Loop()
    let error = #expect(throws: LoopError.self) {
      try SignalWatch(on: loop, signal: SIGKILL) { _ in }
    }
    #expect(error?.name == "EINVAL")
    try loop.close()
  }
}
