import Testing

@testable import Sluice

@Suite("The writer's policies")
struct WriterPolicyTests {
  @Test("a checkpoint is due at every thousand pages, and empties the WAL at its limit")
  func checkpoints() {
    var policy = CheckpointPolicy(walLimit: 5000 * 4096)
    #expect(policy.step(walPages: 999, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 1000, pageSize: 4096, now: .now()) == .full)
    // The WAL went on growing: a reader kept it from starting over.
    #expect(policy.step(walPages: 1001, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 1999, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 2500, pageSize: 4096, now: .now()) == .full)
    #expect(policy.step(walPages: 5200, pageSize: 4096, now: .now()) == .truncate)
    #expect(policy.step(walPages: 5300, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 6300, pageSize: 4096, now: .now()) == .truncate)
    // It has started over.
    #expect(policy.step(walPages: 10, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 1010, pageSize: 4096, now: .now()) == .full)
  }

  @Test("the WAL is emptied at its limit also where that is less than a thousand pages")
  func smallLimit() {
    var policy = CheckpointPolicy(walLimit: 1 << 20)
    #expect(policy.step(walPages: 255, pageSize: 4096, now: .now()) == .none)
    #expect(policy.step(walPages: 256, pageSize: 4096, now: .now()) == .truncate)
    policy = CheckpointPolicy(walLimit: 16 << 20)
    #expect(policy.step(walPages: 256, pageSize: 65_536, now: .now()) == .truncate)
  }

  @Test("a checkpoint that a reader held back is tried again after a second, whatever is written")
  func heldBack() {
    var policy = CheckpointPolicy(walLimit: 5000 * 4096)
    let start = MonotonicTime(nanoseconds: 0)
    #expect(policy.step(walPages: 1000, pageSize: 4096, now: start) == .full)
    policy.ended(isHeldBack: true, now: start)
    #expect(policy.retry == start.advanced(bySeconds: 1))
    #expect(
      policy.step(walPages: 1010, pageSize: 4096, now: start.advanced(bySeconds: 0.9)) == .none)
    #expect(policy.step(walPages: 1010, pageSize: 4096, now: start.advanced(bySeconds: 1)) == .full)
    policy.ended(isHeldBack: false, now: start.advanced(bySeconds: 1))
    #expect(policy.retry == nil)
    #expect(policy.step(walPages: 1020, pageSize: 4096, now: start.advanced(bySeconds: 9)) == .none)
  }

  @Test("gaps are left only while another process is there, and one in every tenth of a second")
  func turns() {
    var turns = ForeignTurns()
    func at(_ milliseconds: Int64) -> MonotonicTime {
      MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }
    #expect(turns.gap(now: at(0)) { false } == nil)
    #expect(turns.gap(now: at(50)) { true } == nil)
    #expect(turns.gap(now: at(100)) { true } == ForeignTurns.gapSeconds)
    #expect(turns.gap(now: at(130)) { true } == nil)
    #expect(turns.gap(now: at(230)) { true } == ForeignTurns.gapSeconds)
    #expect(turns.gap(now: at(400)) { false } == nil)
  }

  @Test("a leading PRAGMA foreign_keys is recognised in all its spellings, and nothing else is")
  func foreignKeys() {
    for sql in [
      "PRAGMA foreign_keys=OFF", " pragma main.foreign_keys ( 0 ) ; X",
      "-- c\n/* d */;PRAGMA\nForeign_Keys = 'no'",
      "PRAGMA foreign_keys = \"false\";",
    ] {
      #expect(ForeignKeysPragma.leading(sql) == false, "\(sql)")
    }
    #expect(ForeignKeysPragma.leading("PRAGMA foreign_keys(YES)") == true)
    for sql in [
      "PRAGMA foreign_keys", "PRAGMA temp.foreign_keys=1", "PRAGMA foreign_key_check", "",
      "SELECT 1; PRAGMA foreign_keys=1", "BEGIN; PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=",
    ] {
      #expect(ForeignKeysPragma.leading(sql) == nil, "\(sql)")
    }
  }

  @Test("instants are written with all their digits, whatever the year")
  func instants() {
    for (nanoseconds, text) in [
      (0, "1970-01-01T00:00:00.000000Z"),
      (1_767_225_600_000_123_456, "2026-01-01T00:00:00.000123Z"),
      (-1, "1969-12-31T23:59:59.999999Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),
      (4_102_444_799_999_999_999, "2099-12-31T23:59:59.999999Z"),
    ] as [(Int64, String)] {
      #expect(Timestamp(nanoseconds: nanoseconds).rfc3339 == text)
    }
  }

  @Test("durations are written as decimal numbers to a tenth of a microsecond")
  func seconds() {
    for (seconds, text) in [
      (0, "0.0"), (1, "1.0"), (0.5, "0.5"), (0.00004, "0.00004"), (0.0000001, "0.0000001"),
      (0.00000001, "0.0"), (12.3456789, "12.3456789"), (10, "10.0"), (100, "100.0"), (-3, "0.0"),
      (86_400.25, "86400.25"), (0.99999999, "1.0"), (.infinity, "900000000000.0"),
    ] as [(Double, String)] {
      var bytes: [UInt8] = []
      Seconds.append(seconds, to: &bytes)
      #expect(String(decoding: bytes, as: UTF8.self) == text)
    }
  }
}
