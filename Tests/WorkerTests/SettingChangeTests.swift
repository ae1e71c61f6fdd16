import Testing

@testable import SluiceWorker

@Suite struct SettingChangeTests {
  @Test("nothing changes where nothing was changed")
  func none() { #expect(Settings(spool: "/s").changes(from: Settings(spool: "/s")).isEmpty) }

  @Test("a reload tells what takes effect now and what waits for a restart")
  func moments() {
    let old = Settings(spool: "/s")
    var new = old
    new.poolSize = 20
    new.queryTimeoutSeconds = 60
    new.limits.metaBytes = 0
    new.cacheRules = [.init(match: "*", ttlSeconds: 1)]
    new.databases.append(.init(name: "b", path: "/b.db"))
    #expect(
      new.changes(from: old).map(\.text) == [
        "pool_size: 10 → 20, after a restart",
        "query_timeout: 30s → 1m, now",
        "limits.meta_bytes: 4KiB → 0B, now",
        "databases.b.path: none → /b.db, after a restart",
        "databases.b.foreign_keys: none → false, after a restart",
        "cache: no rules → 1 rule, now",
      ])
    #expect(
      old.changes(from: new).filter { $0.key.hasPrefix("databases.b") }.allSatisfy { $0.new == nil }
    )
  }

  @Test("what a reload puts in force differs only in what takes effect now")
  func onlyLive() {
    let old = Settings(spool: "/s")
    var new = Settings(spool: "/t")
    new.poolSize = 1
    new.umask = 0
    new.foreignKeys = true
    new.maxRetries = 9
    new.databases.append(.init(name: "b", path: "/b.db"))
    new.maintenance = [
      .init(task: .vacuum, schedule: .everySeconds(9), database: "b"),
      .init(task: .prune, schedule: .everySeconds(9)),
    ]
    let live = new.changingOnlyLive(from: old)
    #expect(live.changes(from: old).map(\.key) == ["max_retries", "maintenance"])
    #expect(live.maintenance.map(\.task) == [.prune])
  }

  @Test(
    "durations and sizes read back as they are shown",
    arguments: [0, 0.0001, 0.01, 0.25, 1, 1.5, 59, 60, 90, 3600, 86_400, 604_800, 1e6])
  func durations(seconds: Double) {
    #expect(SettingUnits.seconds(SettingUnits.text(seconds: seconds)) == seconds)
    let bytes = Int(seconds) * 1024 + 1
    #expect(SettingUnits.bytes(SettingUnits.text(bytes: bytes)) == bytes)
    #expect(SettingUnits.bytes(SettingUnits.text(bytes: bytes - 1)) == bytes - 1)
  }

  @Test("what is no duration or size is not read as one")
  func notUnits() {
    for text in ["", "s", "1 hour", "1e", "0x10", "--1", "1.2.3s", "1s2", "inf", "10 "] {
      #expect(SettingUnits.seconds(text) == nil)
    }
    for text in ["", "MiB", "1K", "1.0000001KiB", "1mib"] {
      #expect(SettingUnits.bytes(text) == nil)
    }
  }
}
