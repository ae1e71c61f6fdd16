import Sluice
import Testing

@testable import SluiceWorker

@Suite("The beat of the monitor files") struct MonitorClockTests {
  private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * 1e9))
  }

  @Test("the first version is written at once")
  func first() {
    var clock = MonitorClock(interval: 1, heartbeat: 15)
    #expect(clock.next(at(5), activity: 0, isBusy: false) == nil)
    #expect(clock.next(at(5), activity: 0, isBusy: false) == at(20))
  }

  @Test("an idle worker shows only its heartbeat")
  func idle() {
    var clock = MonitorClock(interval: 1, heartbeat: 15)
    #expect(clock.next(at(0), activity: 3, isBusy: false) == nil)
    #expect(clock.next(at(14), activity: 3, isBusy: false) == at(15))
    #expect(clock.next(at(15), activity: 3, isBusy: false) == nil)
  }

  @Test("news are written after the interval, and not more often")
  func news() {
    var clock = MonitorClock(interval: 1, heartbeat: 15)
    #expect(clock.next(at(0), activity: 0, isBusy: false) == nil)
    #expect(clock.next(at(0.2), activity: 1, isBusy: false) == at(1))
    #expect(clock.next(at(1), activity: 2, isBusy: false) == nil)
    #expect(clock.next(at(1.5), activity: 2, isBusy: false) == at(16))
    #expect(clock.next(at(9), activity: 3, isBusy: false) == nil)
  }

  @Test("while something goes on it is written each interval")
  func busy() {
    var clock = MonitorClock(interval: 1, heartbeat: 15)
    for second in 0..<5 {
      #expect(clock.next(at(Double(second)), activity: 0, isBusy: true) == nil)
      #expect(clock.next(at(Double(second)), activity: 0, isBusy: true) == at(Double(second + 1)))
    }
  }

  @Test("a heartbeat faster than the interval is kept")
  func fastHeart() {
    var clock = MonitorClock(interval: 60, heartbeat: 2)
    #expect(clock.next(at(0), activity: 0, isBusy: true) == nil)
    #expect(clock.next(at(0), activity: 0, isBusy: true) == at(2))
  }
}
