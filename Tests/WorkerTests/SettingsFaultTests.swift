import Foundation
import SluiceWorker
import Testing

/// Every message names the file and the line, what is there, and what to do instead.
@Suite struct SettingsFaultTests {
  @Test(
    "a wrong file is told by line, with what was found and what is allowed",
    arguments: [
      ("pool_size = 0", "1: pool_size is 0; it takes an integer from 1 to 256"),
      (
        "\n# a\npool_size = \"ten\"",
        "3: pool_size is the string \"ten\"; it takes an integer from 1 to 256"
      ),
      ("pool_size = 10.0", "1: pool_size is 10.0; it takes an integer from 1 to 256"),
      ("pool_size = true", "1: pool_size is true; it takes an integer from 1 to 256"),
      ("pool_size = 07:30:00", "1: pool_size is a date or time; it takes an integer from 1 to 256"),
      ("monitoring_enabled = 1", "1: monitoring_enabled is 1; it takes true or false"),
      (
        "group_window = 0",
        "1: group_window is 0; it takes seconds, or text such as \"30s\", from 100us to 10s"
      ),
      (
        "query_timeout = nan",
        "1: query_timeout is nan; it takes seconds, or text such as \"30s\", from 1ms to 7d"
      ),
      (
        "query_timeout = \"30 sec\"",
        "1: query_timeout is the string \"30 sec\"; "
          + "it takes seconds, or text such as \"30s\", from 1ms to 7d"
      ),
      (
        "wal_limit = 1_000",
        "1: wal_limit is 1_000; it takes bytes, or text such as \"64MiB\", from 1MiB to 1TiB"
      ),
      ("umask = 27", "1: umask is 27; it takes octal digits from 0o000 to 0o077"),
      ("umask = 0o700", "1: umask is 0o700; it takes octal digits from 0o000 to 0o077"),
      ("spool = \"\"", "1: spool is the string \"\"; it takes a path"),
      ("limits = 3", "1: limits is 3; it takes a table, [limits]"),
      (
        "[limits]\n[limits.job_bytes]\na = 1",
        "2: limits.job_bytes is a table; it takes bytes, "
          + "or text such as \"64MiB\", from 1KiB to 1GiB"
      ),
    ])
  func wrongValue(config: String, message: String) throws {
    let fault = try SettingsFixture(config).fault()
    #expect(fault?.description == "config/sluice.toml:" + message)
    #expect(fault?.exitCode == 65)
  }

  @Test(
    "an unknown setting is told by line, with the name that was meant",
    arguments: [
      ("pool_sizes = 3", "1: there is no setting pool_sizes; did you mean pool_size?"),
      ("\n\nPool-Size = 3", "3: there is no setting Pool-Size; did you mean pool_size?"),
      ("pool = 3", "1: there is no setting pool; did you mean pool_size?"),
      ("job_bytes = 3", "1: there is no setting job_bytes; did you mean limits.job_bytes?"),
      ("colour = 3", "1: there is no setting colour; `sluice config` lists all there are"),
      (
        "\"\\u0007\" = 3", "1: there is no setting \"\\u{07}\"; `sluice config` lists all there are"
      ),
      (
        "[databases.main]\npath = \"a\"\npool_size = 3",
        "3: there is no setting databases.main.pool_size; pool_size belongs above the first [table]"
      ),
      (
        "databases.main.pth = \"a\"",
        "1: there is no setting databases.main.pth; did you mean path?"
      ),
      (
        "[limits]\ndepth = 3",
        "2: there is no setting limits.depth; did you mean limits.json_depth?"
      ),
      (
        "[[cache]]\nmatch = \"*\"\nttl = 1\n[[cache]]\nmatch = \"*\"\nttl = 1\ntll = 2",
        "7: there is no setting cache.tll; did you mean ttl?"
      ),
      (
        "[[maintenance]]\nx = 1",
        "2: there is no setting maintenance.x; it may have task, every, at, "
          + "database, free, changed"
      ),
    ])
  func unknownSetting(config: String, message: String) throws {
    #expect(try SettingsFixture(config).fault()?.description == "config/sluice.toml:" + message)
  }

  @Test(
    "databases and rules are checked as a whole",
    arguments: [
      ("[databases.a]\nforeign_keys = true", "1: databases.a has no path; add path = \"FILE\""),
      (
        "[databases.a]\npath = \"x\"\n[databases.b]\npath = \"./x\"",
        "4: databases.b has the same file as databases.a; give each its own, for each has a writer"
      ),
      (
        "databases.main = \"x\"",
        "1: databases.main is the string \"x\"; "
          + "it takes a table: [databases.main] with path = \"FILE\""
      ),
      (
        "databases.main.path = \":memory:\"",
        "1: databases.main.path is :memory:, which no result would outlive; "
          + "it takes the path of a file"
      ),
      (
        "[databases.\"a b\"]\npath = \"x\"",
        "1: a database cannot be named \"a b\"; "
          + "use a name of letters, digits, _ and - (at most 64, not - first)"
      ),
      ("cache = 3", "1: cache is 3; it takes a list of tables: [[cache]]"),
      (
        "[[cache]]\nttl = 3",
        "1: this [[cache]] is not complete; it needs match = \"GLOB\" and ttl = SECONDS"
      ),
      (
        "[[maintenance]]\ntask = \"dance\"\nevery = 3",
        "2: maintenance.task is the string \"dance\"; "
          + "it takes one of optimize, analyze, checkpoint, vacuum, incremental_vacuum, "
          + "integrity_check, prune"
      ),
      (
        "[[maintenance]]\ntask = \"prune\"\nevery = 3\nfree = 0.5",
        "4: maintenance.free is 0.5; it takes a share from 0 to 1, of vacuum and incremental_vacuum"
      ),
      (
        "[[maintenance]]\ntask = \"vacuum\"\nevery = 3\nchanged = 0.5",
        "4: maintenance.changed is 0.5; it takes a share from 0, of optimize and analyze"
      ),
      (
        "[[maintenance]]\ntask = \"vacuum\"\nevery = 3\nfree = 2",
        "4: maintenance.free is 2; it takes a share from 0 to 1, of vacuum and incremental_vacuum"
      ),
      (
        "[[maintenance]]\ntask = \"prune\"",
        "1: this [[maintenance]] is not complete; it needs every = SECONDS or at = \"HH:MM\""
      ),
      (
        "[[maintenance]]\ntask = \"prune\"\nevery = 3\nat = \"01:00\"",
        "4: maintenance has both every and at; leave one of them out"
      ),
      (
        "[[maintenance]]\ntask = \"prune\"\nat = \"24:00\"",
        "3: maintenance.at is the string \"24:00\"; "
          + "it takes a time of day, from \"00:00\" to \"23:59\""
      ),
      (
        "[[maintenance]]\ntask = \"prune\"\nevery = 3\ndatabase = \"mian\"",
        "1: maintenance: there is no database \"mian\"; did you mean main?"
      ),
    ])
  func wholes(config: String, message: String) throws {
    #expect(try SettingsFixture(config).fault()?.description == "config/sluice.toml:" + message)
  }

  @Test("the first mistake of the file is the one that is told")
  func firstMistake() throws {
    #expect(try SettingsFixture("umask = true\nfoo = 1\npool_size = 0").fault()?.line == 1)
    #expect(try SettingsFixture("zebra = 1\naging = 0").fault()?.line == 1)
  }

  @Test("what is not TOML is told by line")
  func syntax() throws {
    let fault = try SettingsFixture("pool_size = 3\nmax_retries = = 2").fault()
    #expect(fault?.kind == .syntax && fault?.line == 2)
    #expect(fault?.description.contains("\n") == false)
    #expect(try SettingsFixture("a = 1\na = 2").fault()?.line == 2)
    #expect(try SettingsFixture("pool_size = 3\n\0pool_sizes = 3").fault()?.line == 2)
    let fixture = try SettingsFixture()
    try fixture.write(Data([0x61, 0xFF]), to: "x.toml")
    #expect(fixture.fault(config: "x.toml")?.kind == .syntax)
  }

  @Test("a NUL is refused, also where an escape says it: what follows it would be lost")
  func escapedNUL() throws {
    #expect(try SettingsFixture("pool_size = 3\n\"a\\u0000b\" = 1").fault()?.line == 2)
    #expect(try SettingsFixture("pool_size = 3\nspool = \"a\\u0000b\"").fault()?.line == 2)
  }

  @Test("a wrong variable or flag is named")
  func environmentAndFlags() throws {
    let fixture = try SettingsFixture()
    let variable = fixture.fault(environment: ["SLUICE_POOL_SIZE": "ten"])
    #expect(
      variable?.description == "SLUICE_POOL_SIZE is \"ten\"; it takes an integer from 1 to 256")
    #expect(variable?.exitCode == 64)
    #expect(
      fixture.fault(set: ["aging": "-1"])?.description.hasPrefix("--set aging is \"-1\"; it takes")
        == true)
    #expect(
      fixture.fault(set: ["pool_sise": "1"])?.description
        == "--set pool_sise: there is no such setting; did you mean pool_size?")
    #expect(fixture.fault(set: ["cache": "1"])?.kind == .unknownSetting)
    #expect(fixture.fault(set: ["databases.a.x": "1"])?.kind == .unknownSetting)
    #expect(fixture.fault(set: ["databases.a.foreign_keys": "true"])?.kind == .conflict)
  }
}
