import Glibc
import Sluice
import TestSupport
import Testing

@testable import Spool

@Suite("Scanning incoming/")
struct SpoolScannerTests {
  private let spool: TemporarySpool
  private let clock = MonotonicTime(nanoseconds: 1_000_000_000)

  init() throws { spool = try TemporarySpool() }

  private func scanner(
    _ lane: IncomingLane = .normal, bounds: SpoolScanner.Bounds = .init()
  ) throws -> SpoolScanner {
    try SpoolScanner(spool.layout.incoming(lane), lane: lane, bounds: bounds)
  }

  /// Everything the scanner finds, each file removed as a claim would.
  private func drain(
    _ scanner: SpoolScanner, budget: Int = 1000, removing: Bool = true,
    at clock: MonotonicTime? = nil
  ) throws -> [String] {
    let clock = clock ?? self.clock
    var found: [String] = []
    while true {
      while let entry = scanner.next(at: clock) {
        found.append(entry.text)
        if removing { try spool.layout.incoming(entry.lane).unlink(entry.name) }
      }
      guard scanner.needsStep(at: clock) else { return found }
      try scanner.step(budget: budget, now: .now(), clock: clock)
    }
  }

  /// Makes empty files, each later than the one before it as far as the file system's clock can tell.
  private func make(_ names: some Sequence<String>, lane: IncomingLane = .normal) throws {
    for name in names { _ = try spool.layout.incoming(lane).create(name) }
  }

  @Test("files come oldest first, and by name within one tick")
  func order() throws {
    try make((0..<500).map { "f\(($0 * 337) % 500).json" })
    var expected: [(Int64, String)] = []
    for name in spool.names(spool.layout.incoming(.normal)) {
      let status = try #require(try spool.layout.incoming(.normal).status(name))
      expected.append((status.changed, name))
    }
    expected.sort { $0 < $1 }
    #expect(try drain(scanner()) == expected.map(\.1))
  }

  @Test("a backlog larger than the window comes out complete and in order", arguments: [3, 7, 64])
  func smallWindow(window: Int) throws {
    try make((0..<300).map { "f\(($0 * 101) % 300).json" })
    var expected: [(Int64, String)] = []
    for name in spool.names(spool.layout.incoming(.normal)) {
      let status = try #require(try spool.layout.incoming(.normal).status(name))
      expected.append((status.changed, name))
    }
    expected.sort { $0 < $1 }
    let bounds = SpoolScanner.Bounds(windowFiles: window, nameBytes: 40 + window)
    #expect(try drain(scanner(bounds: bounds), budget: 10) == expected.map(\.1))
  }

  @Test("a file that cannot be looked at is handed out all the same, and reported once")
  func unexaminable() throws {
    let plan = FaultPlan()
    let spool = try TemporarySpool(plan.install)
    try spool.drop("x.json", lane: .normal)
    plan.fail(.status, count: .max, errno: EIO, on: "x.json")
    let scanner = try SpoolScanner(spool.layout.incoming(.normal), lane: .normal)
    try scanner.step(budget: 10, now: .now(), clock: clock)
    let entry = try #require(scanner.next(at: clock))
    #expect(entry.text == "x.json")
    #expect(scanner.refuse(entry))
    #expect(!scanner.refuse(entry))
    try spool.layout.incoming(.normal).unlink("x.json")
    plan.mend()
    #expect(!scanner.refuse(entry))
  }

  @Test("scratch files and directories are not handed out; directories are counted")
  func skipped() throws {
    try make([".x.json", "x.json~", "x.tmp", "x.part", "x.swp", "x.json", "x y"])
    try spool.layout.incoming(.normal).makeDirectory("sub")
    let scanner = try scanner()
    #expect(try Set(drain(scanner)) == ["x.json", "x y"])
    #expect(scanner.directories == 1)
  }

  @Test("the lanes inside incoming/ are no strangers there")
  func ownLanes() throws {
    try spool.layout.incoming(.root).makeDirectory("mine")
    let scanner = try scanner(.root)
    #expect(try drain(scanner).isEmpty)
    #expect(scanner.directories == 1)
  }

  @Test("a request during a pass leads to another pass, and none is wanted without one")
  func again() throws {
    try make(["a.json", "b.json"])
    let scanner = try scanner()
    try scanner.step(budget: 1, now: .now(), clock: clock)
    #expect(scanner.next(at: clock) == nil)
    scanner.request()
    try make(["c.json"])
    #expect(try drain(scanner, budget: 1).sorted() == ["a.json", "b.json", "c.json"])
    #expect(scanner.isExhausted && !scanner.needsStep(at: clock))
    try make(["d.json"])
    #expect(try drain(scanner).isEmpty)
    scanner.request()
    #expect(try drain(scanner) == ["d.json"])
  }

  @Test("a file that was heard of is found without a pass, in order with the others")
  func noticed() throws {
    let scanner = try scanner()
    #expect(try drain(scanner).isEmpty)
    try make(["c.json"])
    try make(["a.json", "b.json", ".b.json", "unheard.json"])
    for name in ["b.json", "c.json", "never.json", ".b.json", "a.json", "c.json"] {
      scanner.notice(name)
    }
    #expect(scanner.needsStep(at: clock) && !scanner.isExhausted)
    var expected: [(Int64, String)] = []
    for name in ["a.json", "b.json", "c.json"] {
      let status = try #require(try spool.layout.incoming(.normal).status(name))
      expected.append((status.changed, name))
    }
    expected.sort { $0 < $1 }
    #expect(try drain(scanner) == expected.map(\.1))
    #expect(scanner.isExhausted && !scanner.needsStep(at: clock))
    scanner.notice(event: "a\u{FFFD}.json")
    #expect(try drain(scanner) == ["unheard.json"])
  }

  @Test("a directory that was heard of leads to a pass, which counts it")
  func noticedDirectory() throws {
    let scanner = try scanner()
    #expect(try drain(scanner).isEmpty)
    try make(["unheard.json"])
    try spool.layout.incoming(.normal).makeDirectory("d.json")
    scanner.notice("d.json")
    #expect(try drain(scanner) == ["unheard.json"])
    #expect(scanner.directories == 1)
    #expect(scanner.isExhausted && !scanner.needsStep(at: clock))
  }

  @Test("too many names to remember lead to a pass, and a name heard during a pass is not lost")
  func noticedOverflow() throws {
    var bounds = SpoolScanner.Bounds()
    bounds.noticed = 2
    let scanner = try scanner(bounds: bounds)
    #expect(try drain(scanner).isEmpty)
    try make(["a.json", "b.json", "c.json", "d.json"])
    for name in ["a.json", "b.json", "c.json"] { scanner.notice(name) }
    #expect(try Set(drain(scanner)) == ["a.json", "b.json", "c.json", "d.json"])
    try make(["a.json", "b.json"])
    scanner.request()
    try scanner.step(budget: 1, now: .now(), clock: clock)
    try make(["e.json"])
    scanner.notice("e.json")
    #expect(try Set(drain(scanner)).isSuperset(of: ["a.json", "b.json", "e.json"]))
  }

  @Test("a crowd of scratch files is not listed again at once, and keeps no new file waiting")
  func rest() throws {
    let scanner = try scanner()
    try make((0..<1200).map { ".scratch\($0)" })
    #expect(try drain(scanner).isEmpty)
    try make(["a.json"])
    scanner.request()
    let deadline = try #require(scanner.nextDeadline)
    #expect(!scanner.needsStep(at: clock) && deadline > clock)
    scanner.notice(event: "a.json")
    #expect(try drain(scanner) == ["a.json"])
    try make(["b.json"])
    #expect(try drain(scanner, at: deadline) == ["b.json"])
  }

  @Test("a file that cannot be claimed yet comes back at its time, before newer ones")
  func waiting() throws {
    try make(["a.json", "b.json"])
    let scanner = try scanner()
    try scanner.step(budget: 100, now: .now(), clock: clock)
    let entry = try #require(scanner.next(at: clock))
    #expect(entry.text == "a.json")
    let hold = ClaimHold(
      reason: .writing, attempts: 1, since: clock, size: 0, changed: 0, modified: 0)
    let later = clock.advanced(bySeconds: 1)
    scanner.postpone(entry, hold: hold, until: later)
    #expect(scanner.nextDeadline == later && !scanner.isExhausted)
    scanner.request()
    #expect(try drain(scanner) == ["b.json"])
    #expect(scanner.waitingCount == 1)
    try make(["c.json"])
    scanner.request()
    let back = try #require(scanner.next(at: later))
    #expect(back.text == "a.json" && back.hold == hold && back.arrival == entry.arrival)
    #expect(scanner.nextDeadline != later)
  }

  @Test("more waiting files than are remembered are found again")
  func waitingOverflow() throws {
    try make((0..<5).map { "f\($0).json" })
    let scanner = try scanner(bounds: .init(waiting: 2))
    try scanner.step(budget: 100, now: .now(), clock: clock)
    let hold = ClaimHold(
      reason: .writing, attempts: 1, since: clock, size: 0, changed: 0, modified: 0)
    let later = clock.advanced(bySeconds: 1)
    while let entry = scanner.next(at: clock) { scanner.postpone(entry, hold: hold, until: later) }
    #expect(scanner.waitingCount == 2)
    #expect(!scanner.needsStep(at: clock))
    #expect(scanner.nextDeadline == later)
    #expect(try drain(scanner, at: later).count == 5)
  }

  @Test("a refused file is reported once and left, until it changes")
  func refused() throws {
    try make(["a.json"])
    let scanner = try scanner()
    try scanner.step(budget: 100, now: .now(), clock: clock)
    #expect(scanner.refuse(try #require(scanner.next(at: clock))))
    for _ in 0..<3 {
      scanner.request()
      #expect(try drain(scanner, removing: false).isEmpty)
      #expect(scanner.refusedCount == 1)
    }
    let path = spool.path + "/incoming/normal/a.json"
    let before = try spool.layout.incoming(.normal).status("a.json")
    // The file system's clock ticks every few milliseconds.
    for _ in 0..<100_000 {
      chmod(path, 0o600)
      if try spool.layout.incoming(.normal).status("a.json")?.changed != before?.changed { break }
    }
    scanner.request()
    #expect(try drain(scanner) == ["a.json"])
    scanner.request()
    #expect(try drain(scanner).isEmpty)
    #expect(scanner.refusedCount == 0)
  }

  @Test("a window of 65,536 files takes less than 15 MB, and gives it back")
  func memory() {
    var window = ClaimWindow(capacity: 65_536, arenaMax: 5 << 20)
    var highest = 0
    for index in 0..<300_000 {
      let name = "order-\((index * 7919) % 300_000)-abcdefgh.json"
      name.withCString {
        window.insert(changed: Int64(index % 977), name: $0, length: name.utf8.count)
      }
      if index % 1000 == 0 { highest = max(highest, window.footprint) }
    }
    window.seal()
    #expect(window.count >= 10_000 && window.isPartial)
    #expect(highest < 11 << 20, "\(highest) bytes")
    window.reset()
    #expect(window.footprint < 1 << 16)
  }

  @Test("10,000 of the longest names are kept in order whatever their length")
  func longNames() {
    var window = ClaimWindow(capacity: 65_536, arenaMax: 5 << 20)
    let tail = String(repeating: "n", count: 247)
    for index in 0..<30_000 {
      let name = String(10_000_000 + (index * 7919) % 30_000) + tail
      name.withCString { window.insert(changed: 1, name: $0, length: name.utf8.count) }
    }
    window.seal()
    #expect(window.count >= 10_000)
    for index in 0..<10_000 {
      let name = window.popOldest().map {
        String(decoding: $0.name.prefix(8).map(UInt8.init), as: UTF8.self)
      }
      guard name == String(10_000_000 + index) else {
        Issue.record("\(name ?? "nothing") in place \(index)")
        return
      }
    }
  }
}
