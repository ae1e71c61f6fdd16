import TestSupport
import Testing

@testable import Sluice
@testable import Spool

@Suite("What was running when a worker died")
struct InFlightRecordTests {
  private let spool: TemporarySpool

  init() throws { spool = try TemporarySpool() }

  private func record(_ database: String = "main") throws -> InFlightRecord {
    try InFlightRecord(spool.layout, database: database)
  }

  /// What the worker of `record` runs as one group.
  private func run(_ group: [UInt64], in record: InFlightRecord) {
    for (index, sequence) in group.enumerated() { record.begin(sequence, index: index) }
  }

  @Test("the next worker sees the group and the readers' jobs that had begun and not ended")
  func survives() throws {
    let record = try record()
    #expect(record.left.isEmpty)
    run([1, 2, 7], in: record)
    record.endGroup()
    run([4, 5], in: record)
    record.begin(8, reader: 0)
    record.begin(9, reader: 1)
    record.end(reader: 0)
    #expect(try self.record("other").left.isEmpty)
    #expect(try self.record().left == [4, 5, 9])
    #expect(try self.record().left.isEmpty)
  }

  @Test("a full group fits, and a damaged file says nothing")
  func bounds() throws {
    let record = try record()
    let group = (1...InFlightRecord.groupMax).map(UInt64.init)
    run(group, in: record)
    record.begin(5000, reader: InFlightRecord.readersMax - 1)
    #expect(try self.record().left == Set(group + [5000]))
    try spool.layout.root.replaceDurably(".inflight-main", with: [1, 2, 3])
    #expect(try self.record().left.isEmpty)
  }

  @Test("three deaths in a row condemn a job; a reboot and a clean end do not count")
  func suspects() throws {
    var list = SuspectList()
    let present: Set<UInt64> = [1, 2, 3]
    list = list.after(.killed, inFlight: [1, 2], present: present)
    #expect(list.deaths == [1: 1, 2: 1] && list.isSuspect(1) && !list.isSuspect(3))
    list = list.after(.rebooted, inFlight: [1], present: present)
    list = list.after(.clean, inFlight: [1], present: present)
    list = list.after(.first, inFlight: [1], present: present)
    #expect(list.deaths == [1: 1, 2: 1])
    list = list.after(.killed, inFlight: [1], present: present)
    #expect(list.poison.isEmpty)
    try list.save(spool.layout)
    list = try SuspectList(spool.layout).after(.killed, inFlight: [1], present: present)
    #expect(list.deaths == [1: 3, 2: 1] && list.poison == [1])
  }

  @Test("a job that ended or got further is no suspect any more")
  func cleared() {
    var list = SuspectList(deaths: [1: 2, 2: 2])
    list.clear(1)
    #expect(list.after(.killed, inFlight: [1], present: [1]).deaths == [1: 1])
  }

  @Test("a job that committed a part of itself since its last death has got further")
  func progress() throws {
    var list = SuspectList()
    for commit: Int64 in 1...5 {
      list = list.after(.killed, inFlight: [1, 2], present: [1, 2], commits: [1: commit])
      try list.save(spool.layout)
      list = try SuspectList(spool.layout)
      #expect(list.deaths[1] == 1)
    }
    #expect(list.poison == [2])
    list = list.after(.killed, inFlight: [1], present: [1], commits: [1: 5])
    list = list.after(.killed, inFlight: [1], present: [1], commits: [1: 5])
    #expect(list.poison == [1])
  }

  @Test("a damaged list suspects nobody but those it still names")
  func damagedList() throws {
    let text = "7 2\nx\n8\n9 -1\n\u{0}\u{0}"
    try spool.layout.root.replaceDurably(SuspectList.name, with: Array(text.utf8))
    #expect(try SuspectList(spool.layout).deaths == [7: 2])
  }

  #if DEBUG
    @Test("a crash point is a seam and a count; a typing error is none")
    func crashPoint() {
      #expect(CrashPoint("committed:17") == CrashPoint(seam: .committed, count: 17))
      #expect(CrashPoint("claimed") == CrashPoint(seam: .claimed, count: 1))
      for text in ["", "commited:1", "claimed:0", "claimed:x", "claimed:1:2"] {
        #expect(CrashPoint(text) == nil)
      }
    }
  #endif
}
