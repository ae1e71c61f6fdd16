import Glibc
import JSON
import TestSupport
import Testing

/// The sentences of the protocol about the configuration, each against the built command.
@Suite("Protocol: configuration") struct ConfigurationSentences {
  @Test(
    "the settings everyone meets, and those beside them, with their defaults and where they came from"
  )
  func defaults() throws {
    let spool = try TemporarySpool()
    try spool.put("", at: "sluice.toml")
    let run = try spool.sluice("config", "--json", "--config", spool.path + "/sluice.toml")
    let config = try JSONReader.parse(Array(run.output.utf8))
    let defaults: [(String, Double)] = [
      ("pool_size", 10), ("connection_timeout", 30), ("max_retries", 3), ("cache_size", 1000),
      ("query_timeout", 30), ("group_window", 0.01), ("monitor_interval", 1),
      ("ledger_retention", 604_800),
      ("result_retention", 604_800), ("settle", 2), ("after_timeout", 86_400),
      ("wal_limit", 67_108_864),
      ("heartbeat", 15), ("limits.job_bytes", 16_777_216), ("limits.sql_bytes", 1_073_741_824),
      ("limits.json_depth", 64), ("limits.meta_bytes", 4096),
    ]
    for (name, value) in defaults {
      let number = config[name]?["value"]
      #expect(number?.number == value, "\(name)")
      #expect(config[name]?["source"]?.string == "default", "\(name)")
    }
    #expect(config["monitoring_enabled"]?["value"]?.bool == true)
    #expect(config["foreign_keys"]?["value"]?.bool == false)
    for name in [
      "aging", "max_wait", "group_size", "rescan", "spool", "cache", "maintenance", "umask",
    ] {
      #expect(config[name] != nil, "\(name)")
    }
    #expect(config["spool"]?["source"]?.string == "environment")
  }

  static let settings:
    [(key: String, variable: String, file: String, environment: String, flag: String)] = [
      ("pool_size", "SLUICE_POOL_SIZE", "2", "3", "4"),
      ("connection_timeout", "SLUICE_CONNECTION_TIMEOUT", "2.5", "3.5", "4.5"),
      ("max_retries", "SLUICE_MAX_RETRIES", "2", "0", "4"),
      ("cache_size", "SLUICE_CACHE_SIZE", "0", "3", "4"),
      ("query_timeout", "SLUICE_QUERY_TIMEOUT", "2", "3", "4"),
      ("monitoring_enabled", "SLUICE_MONITORING_ENABLED", "false", "true", "false"),
      ("limits.json_depth", "SLUICE_LIMITS_JSON_DEPTH", "20", "30", "40"),
    ]

  @Test("flags override environment, which overrides the file")
  func sources() throws {
    let spool = try TemporarySpool()
    for (key, variable, file, environment, flag) in Self.settings {
      let parts = key.split(separator: ".")
      try spool.put(
        (parts.count > 1 ? "[limits]\n" : "") + "\(parts[parts.count - 1]) = \(file)\n",
        at: "sluice.toml")
      func shown(_ environment: [String: String]) throws -> JSONNode? {
        let run = try SluiceProcess.run(
          ["config", "--json", "--config", spool.path + "/sluice.toml", "--spool", spool.path],
          environment: environment)
        #expect(run.status == 0, "\(run.errors)")
        return try JSONReader.parse(Array(run.output.utf8))[key]
      }
      let fromFile = try shown([:])
      #expect(
        fromFile?["source"]?.string == "file" && fromFile?["line"]?.integer == Int64(parts.count),
        "\(key)")
      let fromEnvironment = try shown([variable: environment])
      #expect(fromEnvironment?["source"]?.string == "environment", "\(key)")
      #expect(fromEnvironment?["name"]?.string == variable)
      // A worker is told by flags: one that does not fit the file's or the variable's ends it.
      let run = try SluiceProcess.run(
        [
          "run", "--once", "--config", spool.path + "/sluice.toml", "--spool", spool.path,
          "--database", spool.path + "/main.db", "--set", "\(key)=\(flag)",
        ],
        environment: [variable: environment])
      #expect(run.status == 0, "\(key): \(run.errors)")
    }
  }

  static let wrong: [(toml: String, line: Int, words: String)] = [
    ("pool_sise = 3\n", 1, "pool_size"), ("\n\ncache_sice = 3\n", 3, "cache_size"),
    ("query_timeot = 1\n", 1, "query_timeout"), ("[limits]\njob_byts = 1\n", 2, "limits.job_bytes"),
    ("[databases.main]\npth = \"x\"\n", 2, "path"),
    ("[[cache]]\nmatch = \"*\"\ntll = 1\n", 3, "ttl"),
    ("pool_size = \"ten\"\n", 1, "integer"), ("pool_size = 0\n", 1, "from 1"),
    ("pool_size = 2.5\n", 1, "integer"),
    ("monitoring_enabled = 1\n", 1, "true or false"), ("\nquery_timeout = -1\n", 2, "seconds"),
    ("spool = 7\n", 1, "path"), ("pool_size = 1\npool_size = 2\n", 2, "pool_size"),
    ("pool_size = \n", 1, "TOML"),
    ("wal_limit = 1\n", 1, "from 1MiB"),
    ("[[maintenance]]\ntask = \"dance\"\nevery = 1\n", 2, "vacuum"),
    ("nonsense = 1\n", 1, "sluice config"),
  ]

  @Test(
    "unknown keys are errors with the line and the nearest name, bad values with the line and what is allowed"
  )
  func errors() throws {
    let spool = try TemporarySpool()
    for (toml, line, words) in Self.wrong {
      try spool.put(toml, at: "sluice.toml")
      let file = spool.path + "/sluice.toml"
      for arguments in [["config"], ["run", "--once"], ["status"], ["submit", "-"]] {
        let run = try SluiceProcess.run(arguments + ["--config", file, "--spool", spool.path])
        #expect(run.status == 65, "\(arguments) \(toml)")
        #expect(run.errors.contains("\(file):\(line): "), "\(toml): \(run.errors)")
        #expect(run.errors.contains(words), "\(toml): \(run.errors)")
      }
    }
    #expect(spool.files("incoming") == [])
  }

  @Test(
    "reload takes up what can change while the worker runs, and says of the rest that it waits",
    arguments: ["control", "SIGHUP"])
  func reload(by way: String) throws {
    let spool = try TemporarySpool()
    try spool.put("query_timeout = 30\n", at: "sluice.toml")
    let worker = try WorkerProcess.started(on: spool, ["--config", spool.path + "/sluice.toml"])
    func reload(_ name: String, until words: String) throws {
      if way == "SIGHUP" {
        worker.child.send(SIGHUP)
      } else {
        try spool.drop(name, #"{"control":"reload"}"#, lane: .control)
        #expect(try spool.awaitedResult(name).status == "done")
      }
      #expect(eventually { worker.child.errors.contains(words) }, "\(worker.child.errors)")
    }
    try spool.put(
      "query_timeout = 0.05\npool_size = 3\nmonitoring_enabled = false\nheartbeat = 7\nslow_query = 0.001\nledger_retention = 60\nmonitor_interval = 0.2\n",
      at: "sluice.toml")
    try reload("1.json", until: "monitoring_enabled: true → false, after a restart")
    #expect(worker.child.errors.contains("reload: query_timeout: 30s → 50ms, now"))
    #expect(worker.child.errors.contains("reload: pool_size: 10 → 3, after a restart"))
    for change in [
      "heartbeat: 15s → 7s, now", "slow_query: 1s → 1ms, now", "ledger_retention: 7d → 1m, now",
      "monitor_interval: 1s → 200ms, now",
    ] { #expect(worker.child.errors.contains("reload: " + change), "\(change)") }
    let endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
    try spool.drop("slow.json", #"{"sql":"\#(endless)"}"#)
    #expect(try spool.awaitedResult("slow.json").errorCode == "SLUICE_TIMEOUT")
    #expect(
      eventually {
        spool.text("monitor/slow.jsonl")?.contains("WITH RECURSIVE") == true
          && spool.text("monitor/metrics.json")?.contains("\"heartbeat_within_seconds\":7") == true
      })
    try spool.put("query_timeot = 1\n", at: "sluice.toml")
    try reload("2.json", until: "everything stays as it is: ")
    #expect(worker.child.errors.contains("did you mean query_timeout?"))
    try spool.put(
      "query_timeout = 0.05\n[limits]\nmeta_bytes = 8\n[[cache]]\nmatch = \"select 7*\"\nttl = 60\n",
      at: "sluice.toml")
    try reload("3.json", until: "cache: no rules → 1 rule, now")
    try spool.drop("m.json", #"{"sql":"SELECT 1","meta":"123456789"}"#)
    #expect(try spool.awaitedResult("m.json").errorCode == "SLUICE_TOO_LARGE")
    for name in ["c1.json", "c2.json"] {
      try spool.drop(name, #"{"sql":"SELECT  7"}"#)
      #expect(try spool.awaitedResult(name)["cached"]?.bool == (name == "c2.json"))
    }
    #expect(worker.stop() == .exited(0))
  }

  static let once: [(drops: [(name: String, text: String, lane: String)], status: Int32)] = [
    ([], 0), ([("a.json", #"{"sql":"SELECT 1"}"#, "")], 0),
    ([("a.json", #"{"sql":"SELECT x"}"#, "")], 1),
    ([("a.json", "{}", "")], 1), ([("bad name.json", "{}", "")], 1),
    ([("a.json", #"{"sql":"SELECT 1","not_before":1000}"#, "")], 1),
    ([("a.json", #"{"sql":"SELECT 1","after":["none"]}"#, "")], 1),
    (
      [
        ("a.json", #"{"sql":"SELECT 1","after":["b.json"]}"#, ""),
        ("b.json", #"{"sql":"CREATE TABLE t(a)"}"#, "low/"),
      ], 0
    ),
    ([("a.jsonl", "{\"sql\":\"SELECT 1\"}\n{\"sql\":\"SELECT x\"}\n", "")], 1),
    ([("p.json", #"{"control":"pause","priority":"low"}"#, "control/")], 0),
    ([("a.json", #"{"sql":"SELECT 1","expires":0}"#, "")], 1),
    ([("a.json~", "{}", ""), (".b.json", "{}", "")], 0),
  ]

  @Test(
    "--once exits with 0 if all were done, with 1 if one was not or if jobs are left behind that wait",
    arguments: Array(once.indices))
  func onceExits(index: Int) throws {
    let spool = try TemporarySpool()
    for (name, text, lane) in Self.once[index].drops {
      try spool.put(text, at: "incoming/" + lane + name)
    }
    #expect(try WorkerProcess.once(on: spool).end == .exited(Self.once[index].status))
    guard Self.once[index].drops.first?.name == "p.json" else { return }
    try spool.put(#"{"sql":"SELECT 1"}"#, at: "incoming/low/l.json")
    try spool.put(#"{"sql":"SELECT 1"}"#, at: "incoming/n.json")
    #expect(try WorkerProcess.once(on: spool).end == .exited(1))
    #expect(spool.activeJobs.map(\.job.text) == ["l.json"])
    #expect(try spool.parsedResult("n.json")?.status == "done")
  }
}
