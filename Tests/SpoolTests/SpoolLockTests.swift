import Glibc
import TestSupport
import Testing

@testable import Spool

@Suite("The lock of a spool")
struct SpoolLockTests {
  private let spool: TemporarySpool
  private var layout: SpoolLayout { spool.layout }

  init() throws { spool = try TemporarySpool() }

  /// A worker that starts, and ends as told.
  private func run(
    boot: String = "boot-1", recovers: Bool = true, clean: Bool
  ) throws -> PreviousEnd {
    let lock = try SpoolLock.acquire(layout, bootID: boot)
    if recovers { try lock.markRecovered() }
    if clean { try lock.markClean() }
    return lock.previousEnd
  }

  @Test("a worker learns how the one before it ended")
  func previousEnd() throws {
    #expect(try run(clean: true) == .first)
    #expect(try run(clean: false) == .clean)
    #expect(try run(clean: false) == .killed)
    #expect(try run(boot: "boot-2", clean: true) == .rebooted)
    #expect(try run(boot: "boot-3", clean: true) == .clean)
  }

  @Test("a worker that dies before it has put right what a reboot left leaves that to the next")
  func unrecovered() throws {
    #expect(try run(clean: true) == .first)
    #expect(try run(clean: false) == .clean)
    #expect(try run(boot: "boot-2", recovers: false, clean: false) == .rebooted)
    #expect(try run(boot: "boot-2", recovers: false, clean: false) == .doubtful)
    #expect(try run(boot: "boot-2", clean: false) == .doubtful)
    #expect(try run(boot: "boot-2", clean: true) == .killed)
  }

  @Test("what may be lost makes a kill doubtful until it is known to be safe")
  func doubt() throws {
    for isDoubtful in [true, false] {
      #expect(try run(clean: true) != .doubtful)
      do {
        let lock = try SpoolLock.acquire(layout, bootID: "boot-1")
        #expect(lock.previousEnd == .clean)
        try SpoolLock.note(isDoubtful: true, in: layout)
        try SpoolLock.note(isDoubtful: isDoubtful, in: layout)
        #expect(try SpoolLock.holder(layout) == .worker(pid: getpid()))
      }
      #expect(try run(clean: true) == (isDoubtful ? .doubtful : .killed))
    }
  }

  @Test("a lock file that says nothing is that of no worker, a torn one of a crashed one")
  func damaged() throws {
    try layout.root.replaceDurably(SpoolLayout.lockName, with: [])
    #expect(try run(clean: true) == .first)
    try layout.root.replaceDurably(SpoolLayout.lockName, with: Array("pid=12\nboot=bo".utf8))
    #expect(try run(clean: true) == .rebooted)
  }

  @Test("a second worker stops, and names the first")
  func second() throws {
    let lock = try SpoolLock.acquire(layout)
    let error = #expect(throws: SpoolError.self) { _ = try SpoolLock.acquire(layout) }
    #expect(error?.kind == .held(pid: getpid()))
    #expect(error?.message == "\(spool.path) is in use by the worker with pid \(getpid())")
    #expect(lock.previousEnd == .first)
  }

  @Test("anyone can see whether a worker runs")
  func holder() throws {
    #expect(try SpoolLock.holder(layout) == .nobody)
    do {
      let lock = try SpoolLock.acquire(layout)
      #expect(try SpoolLock.holder(layout) == .worker(pid: getpid()))
      try lock.markClean()
    }
    #expect(try SpoolLock.holder(layout) == .nobody)
  }

  @Test("the spool's id is made once and kept")
  func identity() throws {
    let identity = try SpoolIdentity.ofSpool(layout)
    #expect(identity.value > 0 && identity.hex.count == 16)
    #expect(try SpoolIdentity.ofSpool(layout) == identity)
    let other = try TemporarySpool()
    #expect(try SpoolIdentity.ofSpool(other.layout) != identity)
  }

  @Test("a damaged id stops the worker rather than get a new one")
  func damagedIdentity() throws {
    for content in ["", "12", "zzzzzzzzzzzzzzzz\n", "-123456789abcdef\n"] {
      try layout.root.replaceDurably(SpoolLayout.identityName, with: Array(content.utf8))
      let error = #expect(throws: SpoolError.self) { _ = try SpoolIdentity.ofSpool(layout) }
      #expect(error?.kind == .damaged)
    }
  }

  #if DEBUG
    @Test("an end is not clean where something may not be durable")
    func failedSync() throws {
      let plan = FaultPlan()
      let spool = try TemporarySpool(plan.install)
      do {
        let lock = try SpoolLock.acquire(spool.layout, bootID: "b")
        plan.fail(.syncFileSystem, errno: EIO)
        // `lock` cannot be captured by the closure of #expect(throws:).
        do throws(FileError) {
          try lock.markClean()
          Issue.record("a failing sync was taken for a clean end")
        } catch {
          #expect(error.errno == EIO)
        }
      }
      #expect(try SpoolLock.acquire(spool.layout, bootID: "b").previousEnd == .doubtful)
    }
  #endif
}
