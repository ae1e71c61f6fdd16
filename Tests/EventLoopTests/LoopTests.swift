import EventLoop
import Glibc
import Testing

@Suite("Loop") struct LoopTests {
  @Test("without handles a run returns at once, even one without end")
  func idle() throws {
    let loop = try Loop()
    #expect(!loop.runOnce(waitingUpTo: nil))
    #expect(!loop.runNoWait())
    try loop.close()
  }

  @Test("a wait ends at its deadline when nothing happens, and no sooner")
  func deadline() throws {
    let loop = try Loop()
    let idle = try Wakeup(on: loop) {}
    let start = ContinuousClock.now
    #expect(!loop.runOnce(waitingUpTo: 30))
    let waited = secondsSince(start)
    #expect(waited >= 0.029)
    #expect(waited < 5)
    idle.close()
    try loop.close()
  }

  @Test("the owner's working time between runs does not shorten the next wait")
  func staleClock() throws {
    let loop = try Loop()
    let idle = try Wakeup(on: loop) {}
    let workStart = ContinuousClock.now
    while secondsSince(workStart) < 0.06 {}
    let start = ContinuousClock.now
    loop.runOnce(waitingUpTo: 50)
    #expect(secondsSince(start) >= 0.049)
    idle.close()
    try loop.close()
  }

  @Test("a timer that is due on entry ends the wait")
  func dueOnEntry() throws {
    let loop = try Loop()
    let fired = Record<Bool>()
    let timer = try Timer(on: loop) { fired.add(true) }
    let idle = try Wakeup(on: loop) {}
    timer.start(afterMilliseconds: 0)
    let start = ContinuousClock.now
    #expect(loop.runOnce(waitingUpTo: 60_000))
    #expect(fired.entries.count == 1)
    #expect(secondsSince(start) < 10)
    timer.close()
    idle.close()
    try loop.close()
  }

  @Test("closing a loop with open handles names them and leaves it working")
  func closeBusy() throws {
    let loop = try Loop()
    let fired = Record<Bool>()
    let timer = try Timer(on: loop) { fired.add(true) }
    let wakeup = try Wakeup(on: loop) {}
    let error = #expect(throws: LoopError.self) { try loop.close() }
    #expect(error?.kind == .busy)
    #expect(error?.subject.split(separator: ", ").sorted() == ["async", "timer"])
    timer.start(afterMilliseconds: 1)
    #expect(loop.run { !fired.entries.isEmpty })
    timer.close()
    wakeup.close()
    try loop.close()
    try loop.close()
  }

  @Test("handles that are let go close themselves and free what their closures hold")
  func noLeak() throws {
    let loop = try Loop()
    let directory = try ScratchDirectory()
    weak var held: Record<Int>?
    do {
      let record = Record<Int>()
      held = record
      for index in 0..<100 {
        let timer = try Timer(on: loop) { record.add(index) }
        timer.start(afterMilliseconds: 0, everyMilliseconds: 1)
        _ = try Wakeup(on: loop) { record.add(index) }
        _ = try SignalWatch(on: loop, signal: SIGUSR2) { _ in record.add(index) }
        _ = try DirectoryWatch(
          on: loop, path: directory.path, onEvent: { _ in record.add(index) },
          onError: { _ in record.add(index) })
      }
      #expect(held != nil)
    }
    loop.runNoWait()
    #expect(held == nil)
    try loop.close()
  }
}
