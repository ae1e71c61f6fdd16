import EventLoop
import Foundation
import Testing

@Suite("Wakeup") struct WakeupTests {
  /// Whether the kernel says that a thread of this process sleeps.
  private static func sleeps(_ thread: String) -> Bool {
    let stat = try? String(contentsOfFile: "/proc/\(thread)/stat", encoding: .utf8)
    return stat?.split(separator: ") ").last?.hasPrefix("S") ?? false
  }

  @Test("a wake from another thread ends a long wait at once")
  func wakesWait() throws {
    let loop = try Loop()
    let woken = Record<Bool>()
    let wakeup = try Wakeup(on: loop) { woken.add(true) }
    let trigger = wakeup.trigger
    let waiter = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
    Thread.detachNewThread {
      while !Self.sleeps(waiter) { sched_yield() }
      trigger.wake()
    }
    let start = ContinuousClock.now
    #expect(loop.runOnce(waitingUpTo: 60_000))
    #expect(secondsSince(start) < 10)
    #expect(woken.entries.count == 1)
    wakeup.close()
    try loop.close()
  }

  @Test("10,000 wakes between two runs are one call")
  func coalesces() throws {
    let loop = try Loop()
    let woken = Record<Bool>()
    let wakeup = try Wakeup(on: loop) { woken.add(true) }
    for _ in 0..<10_000 { wakeup.trigger.wake() }
    loop.runOnce(waitingUpTo: 1000)
    loop.runNoWait()
    #expect(woken.entries.count == 1)
    wakeup.trigger.wake()
    loop.runOnce(waitingUpTo: 1000)
    #expect(woken.entries.count == 2)
    wakeup.close()
    try loop.close()
  }

  @Test("wakes that race with close do no harm, and none arrives after it")
  func racesWithClose() throws {
    let loop = try Loop()
    for _ in 0..<200 {
      let woken = Record<Bool>()
      let wakeup = try Wakeup(on: loop) { woken.add(true) }
      let trigger = wakeup.trigger
      let finished = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        for _ in 0..<200 { trigger.wake() }
        finished.signal()
      }
      loop.runNoWait()
      wakeup.close()
      let count = woken.entries.count
      loop.runNoWait()
      #expect(woken.entries.count == count)
      finished.wait()
      trigger.wake()
    }
    try loop.close()
  }

  @Test("a wakeup may close itself in its own callback")
  func closeInCallback() throws {
    let loop = try Loop()
    let woken = Record<Bool>()
    var wakeup: Wakeup?
    wakeup = try Wakeup(on: loop) {
      woken.add(true)
      wakeup = nil
    }
    let trigger = wakeup?.trigger
    trigger?.wake()
    #expect(loop.run { !woken.entries.isEmpty })
    trigger?.wake()
    loop.runOnce(waitingUpTo: 10)
    #expect(woken.entries.count == 1)
    #expect(wakeup == nil)
    try loop.close()
  }
}
