import SluiceWorker
import Testing

@Suite struct SettingsLoadTests {
  @Test("without file, environment and flags the defaults hold, and say so")
  func defaults() throws {
    let fixture = try SettingsFixture()
    let loaded = try fixture.load()
    let settings = loaded.settings
    #expect(settings == Settings(spool: fixture.path + "/spool"))
    #expect(settings.poolSize == 10 && settings.cacheSize == 1000 && settings.maxRetries == 3)
    #expect(settings.connectionTimeoutSeconds == 30 && settings.queryTimeoutSeconds == 30)
    #expect(settings.isMonitoringEnabled)
    #expect(settings.databases.map(\.path) == [fixture.path + "/spool/main.db"])
    #expect(loaded.configPath == nil)
    #expect(loaded.entries.allSatisfy { $0.source == .default })
    #expect(loaded.warnings.isEmpty)
  }

  @Test("flags come before the environment, that before the file, that before the defaults")
  func layers() throws {
    let fixture = try SettingsFixture(
      "pool_size = 2\nmax_retries = 2\ncache_size = 2\n\n[limits]\njson_depth = 8\n")
    let loaded = try fixture.load(
      set: ["pool_size": "4"],
      environment: [
        "SLUICE_POOL_SIZE": "3", "SLUICE_MAX_RETRIES": "3", "SLUICE_LIMITS_JOB_BYTES": "1MiB",
      ])
    let settings = loaded.settings
    #expect(settings.poolSize == 4)
    #expect(settings.maxRetries == 3)
    #expect(settings.cacheSize == 2)
    #expect(settings.groupSize == 256)
    #expect(settings.limits.jsonDepth == 8)
    #expect(settings.limits.jobBytes == 1 << 20)
    #expect(loaded.sources["pool_size"] == .flag(name: "--set"))
    #expect(loaded.sources["max_retries"] == .environment(name: "SLUICE_MAX_RETRIES"))
    #expect(loaded.sources["cache_size"] == .file(path: "config/sluice.toml", line: 3))
    #expect(loaded.sources["group_size"] == .default)
    #expect(loaded.sources["limits.json_depth"] == .file(path: "config/sluice.toml", line: 6))
  }

  @Test("--config comes before SLUICE_CONFIG, that before config/sluice.toml")
  func chosenFile() throws {
    let fixture = try SettingsFixture("pool_size = 1")
    try fixture.write("pool_size = 2", to: "two.toml")
    try fixture.write("pool_size = 3", to: "three.toml")
    let variable = ["SLUICE_CONFIG": "two.toml"]
    #expect(try fixture.load().settings.poolSize == 1)
    let two = try fixture.load(environment: variable)
    #expect(two.settings.poolSize == 2)
    #expect(two.configSource == .environment(name: "SLUICE_CONFIG"))
    let three = try fixture.load(config: "three.toml", environment: variable)
    #expect(three.settings.poolSize == 3)
    #expect(three.configPath == "three.toml")
  }

  @Test("a file that was named must be there; an empty variable names none")
  func missingFile() throws {
    let fixture = try SettingsFixture()
    let missing = fixture.fault(config: "no.toml")
    #expect(missing?.description == "no.toml: cannot be read: No such file or directory")
    #expect(missing?.exitCode == 64)
    #expect(fixture.fault(config: ".")?.kind == .unreadable)
    #expect(fixture.fault(environment: ["SLUICE_CONFIG": "", "SLUICE_POOL_SIZE": ""]) == nil)
  }

  @Test(
    "paths of the file start from its directory, those of flags and environment from the current")
  func relativePaths() throws {
    let fixture = try SettingsFixture(
      "spool = \"../jobs\"\n[databases.other]\npath = \"./x//other.db\"\n")
    let here = fixture.path
    let fromFile = try fixture.load().settings
    #expect(fromFile.spool == here + "/jobs")
    #expect(
      fromFile.databases.map(\.path) == [here + "/jobs/main.db", here + "/config/x/other.db"])
    let fromEnvironment = try fixture.load(
      environment: ["SLUICE_SPOOL": "e", "SLUICE_DATABASE": "e.db"])
    #expect(fromEnvironment.settings.spool == here + "/e")
    #expect(fromEnvironment.settings.databases[0].path == here + "/e.db")
    let fromFlags = try fixture.load(
      spool: "f", database: "/f.db",
      environment: ["SLUICE_SPOOL": "e", "SLUICE_DATABASE": "e.db"])
    #expect(fromFlags.settings.spool == here + "/f")
    #expect(fromFlags.settings.databases[0].path == "/f.db")
    #expect(fromFlags.sources["spool"] == .flag(name: "--spool"))
    #expect(fromFlags.sources["databases.main.path"] == .flag(name: "--database"))
  }

  @Test("a database's own foreign_keys comes before that of all, which it otherwise has")
  func foreignKeys() throws {
    let fixture = try SettingsFixture(
      """
      foreign_keys = true
      [databases.a]
      path = "a.db"
      [databases.b]
      path = "b.db"
      foreign_keys = false
      """)
    let loaded = try fixture.load()
    #expect(loaded.settings.databases.map(\.name) == ["main", "a", "b"])
    #expect(loaded.settings.databases.map(\.foreignKeys) == [true, true, false])
    let source = { (line: Int) in SettingSource.file(path: "config/sluice.toml", line: line) }
    #expect(loaded.sources["databases.a.foreign_keys"] == source(1))
    #expect(loaded.sources["databases.b.foreign_keys"] == source(6))
  }

  @Test("durations and sizes may have units, in the file and elsewhere")
  func units() throws {
    let fixture = try SettingsFixture(
      """
      group_window = "10ms"
      query_timeout = 2.5
      result_retention = "7d"
      wal_limit = "128MiB"
      limits.statement_bytes = "2MB"
      umask = 0o007
      """)
    let settings = try fixture.load(
      environment: ["SLUICE_AGING": "1m", "SLUICE_UMASK": "077", "SLUICE_RETURNING_LIMIT": "4096"]
    ).settings
    #expect(settings.groupWindowSeconds == 0.01)
    #expect(settings.queryTimeoutSeconds == 2.5)
    #expect(settings.resultRetentionSeconds == 604_800)
    #expect(settings.walLimitBytes == 128 << 20)
    #expect(settings.limits.statementBytes == 2_000_000)
    #expect(settings.agingSeconds == 60)
    #expect(settings.umask == 0o077)
    #expect(settings.returningLimitBytes == 4096)
  }

  @Test("rules keep the order of the file")
  func rules() throws {
    let fixture = try SettingsFixture(
      """
      [[cache]]
      match = "SELECT * FROM b*"
      ttl = "5m"
      [[maintenance]]
      task = "vacuum"
      at = "03:30"
      database = "main"
      [[cache]]
      match = "*"
      ttl = 0
      [[maintenance]]
      task = "integrity_check"
      every = 3600
      """)
    let loaded = try fixture.load()
    #expect(
      loaded.settings.cacheRules == [
        .init(match: "SELECT * FROM b*", ttlSeconds: 300), .init(match: "*", ttlSeconds: 0),
      ])
    #expect(
      loaded.settings.maintenance == [
        .init(task: .vacuum, schedule: .daily(hour: 3, minute: 30), database: "main"),
        .init(task: .integrityCheck, schedule: .everySeconds(3600)),
      ])
    #expect(loaded.sources["cache"] == .file(path: "config/sluice.toml", line: 1))
    #expect(loaded.sources["maintenance"] == .file(path: "config/sluice.toml", line: 4))
  }

  @Test("databases may be given by flags alone")
  func databaseFlags() throws {
    let settings = try SettingsFixture().load(
      set: ["databases.logs.path": "/l.db", "databases.logs.foreign_keys": "true"]
    ).settings
    #expect(
      settings.database(named: "logs") == .init(name: "logs", path: "/l.db", foreignKeys: true))
  }

  @Test("a variable that is no setting is warned of, with the one that was meant")
  func unknownVariable() throws {
    let loaded = try SettingsFixture().load(
      environment: ["SLUICE_POOLSIZE": "3", "SLUICE_COLOUR": "x", "PATH": "/bin"])
    #expect(
      loaded.warnings == [
        "SLUICE_COLOUR in the environment is no setting",
        "SLUICE_POOLSIZE in the environment is no setting; did you mean SLUICE_POOL_SIZE?",
      ])
  }
}
