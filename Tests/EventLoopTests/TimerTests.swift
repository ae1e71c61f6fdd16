import EventLoop
import Testing

@Suite("Timer") struct TimerTests {
  @Test("a one-shot timer fires once, not before its time")
  func once() throws {
    let loop = try Loop()
    let fired = Record<ContinuousClock.Instant>()
    let timer = try Timer(on: loop) { fired.add(.now) }
    let start = ContinuousClock.now
    timer.start(afterMilliseconds: 20)
    #expect(timer.isActive)
    #expect(loop.run { !fired.entries.isEmpty })
    #expect(!timer.isActive)
    loop.runOnce(waitingUpTo: 50)
    #expect(fired.entries.count == 1)
    #expect(fired.entries.first.map { $0 >= start + .milliseconds(19) } ?? false)
    timer.close()
    try loop.close()
  }

  @Test("a repeating timer fires until it is stopped")
  func repeats() throws {
    let loop = try Loop()
    let fired = Record<Int>()
    let timer = try Timer(on: loop) { fired.add(fired.entries.count) }
    timer.start(afterMilliseconds: 0, everyMilliseconds: 2)
    #expect(loop.run { fired.entries.count >= 5 })
    timer.stop()
    let before = fired.entries.count
    loop.runOnce(waitingUpTo: 20)
    #expect(fired.entries.count == before)
    timer.close()
    try loop.close()
  }

  @Test("starting a started timer moves it")
  func restart() throws {
    let loop = try Loop()
    let fired = Record<Bool>()
    let timer = try Timer(on: loop) { fired.add(true) }
    timer.start(afterMilliseconds: 60_000)
    timer.start(afterMilliseconds: 1)
    #expect(loop.run { !fired.entries.isEmpty })
    timer.close()
    try loop.close()
  }

  @Test("a timer may close itself, and be let go, in its own callback")
  func closeInCallback() throws {
    let loop = try Loop()
    let fired = Record<Int>()
    var timer: Timer?
    timer = try Timer(on: loop) {
      fired.add(1)
      timer?.close()
      timer?.close()
      timer = nil
      fired.add(2)
    }
    timer?.start(afterMilliseconds: 0, everyMilliseconds: 1)
    #expect(loop.run { !fired.entries.isEmpty })
    loop.runOnce(waitingUpTo: 10)
    #expect(fired.entries == [1, 2])
    #expect(timer == nil)
    try loop.close()
  }
}
