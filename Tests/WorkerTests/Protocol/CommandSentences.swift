import Foundation
import JSON
import TestSupport
import Testing

/// The sentences of the protocol about the command, each against the built one and a worker.
@Suite("Protocol: the command") struct CommandSentences {
  private static let endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"

  @Test("exit codes: 0 done, 1 not done, 64 usage, 65 bad data, 75 timed out")
  func exitCodes() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.run("good.json", #"{"sql":"SELECT 1"}"#)
    try live.run("bad.json", #"{"sql":"SELECT nothing"}"#)
    let cases: [(arguments: [String], input: String, status: Int32)] = [
      (["exec", "SELECT 1"], "", 0), (["exec", "SELECT nothing"], "", 1),
      (["exec", "SELECT ?"], "", 1),
      (["exec", "--database", "none", "SELECT 1"], "", 1),
      (["submit", "--wait", "-"], #"{"sql":"SELECT 1"}"#, 0), (["submit", "--wait", "-"], "{}", 1),
      (["submit", "--wait", "-"], "no JSON", 1), (["submit", "/nonexistent.json"], "", 65),
      (["submit", "--name", "a b.json", "-"], "{}", 65),
      (["submit", "--name", ".x.json", "-"], "{}", 65),
      (["submit", "--name", "x.sql.json", "-"], "{}", 65),
      (["submit", "--name", "x.txt", "-"], "{}", 65),
      (["wait", "good.json"], "", 0), (["wait", "bad.json"], "", 1),
      (["wait", "good.json", "bad.json"], "", 1),
      (["wait", "bad"], "", 65), (["wait", "--timeout", "0.05", "none.json"], "", 75),
      (["exec", "--timeout", "0.1", Self.endless], "", 75),
      (["submit", "--wait", "--timeout", "0.1", "-"], #"{"sql":"\#(Self.endless)"}"#, 75),
      (["show", "good.json"], "", 0), (["show", "none.json"], "", 1), (["show", "none"], "", 65),
      (["hold", "none.json"], "", 1), (["release", "*"], "", 1), (["retry", "none.json"], "", 1),
      (["retry", "none"], "", 65), (["cancel", "none.json"], "", 1), (["cancel", "none*"], "", 1),
      (["check", "-"], #"{"sql":"SELECT 1"}"#, 0), (["check", "-"], "{}", 65),
      (["check", "/nonexistent.json"], "", 65),
      (["config"], "", 0), (["config", "--config", "/nonexistent.toml"], "", 64),
      (["status"], "", 0),
      (["list", "--bogus"], "", 64), (["hold"], "", 64), (["cancel"], "", 64), (["check"], "", 64),
      (["--help"], "", 0), (["exec", "--help"], "", 0),
      (["submit", "--priority", "top", "-"], "", 64),
    ]
    for (arguments, input, status) in cases {
      let run = try SluiceProcess.run(
        arguments, input: input, environment: ["SLUICE_SPOOL": live.spool.path])
      #expect(run.status == status, "\(arguments): \(run.errors)")
      if status != 0 { #expect(!run.errors.isEmpty || arguments[0] == "wait", "\(arguments)") }
    }
  }

  @Test("a second worker, and every waiting command without one, say so")
  func workers() throws {
    let live = try LiveSpool()
    let second = try SluiceProcess.run([
      "run", "--spool", live.spool.path, "--database", live.spool.path + "/main.db",
    ])
    #expect(second.status != 0 && second.errors.contains("\(live.worker.child.pid)"))
    live.stop()
    for arguments in [
      ["exec", "SELECT 1"], ["wait", "x.json"], ["cancel", "x.json"], ["cancel", "x*"],
    ] {
      let run = try SluiceProcess.run(arguments + ["--spool", live.spool.path])
      #expect(run.status == 69, "\(arguments)")
    }
  }

  @Test("submit prints the job's name, or the result; exec a table, JSON or CSV")
  func output() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let spool = live.spool
    let name = try spool.sluice("submit", "-", input: #"{"sql":"SELECT 1"}"#).output
    #expect(name.hasSuffix(".json\n") && !name.contains(" "))
    #expect(
      try spool.sluice(
        "submit", "--name", "mine.json", "--priority", "low", "-", input: #"{"sql":"SELECT 2"}"#
      ).output == "mine.json\n")
    #expect(try spool.awaitedResult("mine.json")["priority"]?.string == "low")
    let result = try spool.sluice("submit", "--wait", "-", input: #"{"sql":"SELECT 3 AS x"}"#)
      .output
    #expect(try JSONReader.parse(Array(result.utf8)).firstValue?.integer == 3)
    try spool.put("SELECT 4;SELECT 5;", at: "script.sql")
    let script = try spool.sluice("submit", "--wait", spool.path + "/script.sql").output
    #expect(script.hasPrefix(#"{"job":"script.sql""#))
    try spool.put("{\"sql\":\"SELECT 1\"}\n{\"x\":1}\n", at: "batch.jsonl")
    let batch = try spool.sluice("submit", "--wait", spool.path + "/batch.jsonl")
    #expect(batch.status == 1 && batch.output.contains(#""lines":{"total":2,"done":1"#))

    #expect(try spool.sluice("exec", "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c)").output == "")
    #expect(
      try spool.sluice("exec", "INSERT INTO t(b,c) VALUES(?,?),(?,?)", "x", "1", "NULL", "-2.5")
        .output == "2 rows changed\n")
    #expect(
      try spool.sluice("exec", "SELECT * FROM t").output
        == "a  b        c\n1  x        1\n2  NULL  -2.5\n")
    #expect(
      try spool.sluice("exec", "--csv", "SELECT *, '' AS e FROM t").output
        == "a,b,c,e\n1,x,1,\"\"\n2,,-2.5,\"\"\n")
    let json = try spool.sluice("exec", "--json", "SELECT b FROM t WHERE a=?", "1").output
    #expect(try JSONReader.parse(Array(json.utf8)).firstValue?.string == "x")
    let several = try spool.sluice("exec", "SELECT 1 AS a; SELECT x'00ff' AS b").output
    #expect(several == "a\n1\n\nb\nx'00ff'\n")
    let returning = try spool.sluice("exec", "INSERT INTO t(b) VALUES(5) RETURNING a, b").output
    #expect(returning.hasPrefix("a  b\n3  5\n"))
    let wait = try spool.sluice("wait", "mine.json", "script.sql", "batch.jsonl").output
    // Each as it ends; a read only counts as ended once its file is gone from active/.
    let ends = wait.split(separator: "\n").sorted()
    #expect(ends.count == 3 && ends[0].hasPrefix("batch.jsonl failed"))
    #expect(ends[1...] == ["mine.json done", "script.sql done"])
  }

  @Test("hold, release, cancel and retry take names and globs, several at once")
  func globs() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    let spool = live.spool
    for name in ["a1.json", "a2.json", "b1.json"] {
      try spool.put(#"{"sql":"SELECT nothing"}"#, at: "hold/" + name)
    }
    let release = try spool.sluice("release", "a?.json", "b1.json", "none.json")
    #expect(
      release.status == 1
        && release.output.split(separator: "\n").sorted() == ["a1.json", "a2.json", "b1.json"])
    #expect(release.errors.contains("none.json"))
    for name in ["a1.json", "a2.json", "b1.json"] {
      #expect(try spool.awaitedResult(name).status == "failed")
    }
    #expect(eventually { spool.files("failed").count == 3 })
    let retry = try spool.sluice("retry", "--json", "[ab]1*")
    #expect(retry.status == 0)
    #expect(try JSONReader.parse(Array(retry.output.utf8))["moved"]?.array?.count == 2)
    for number in 1...3 {
      try spool.drop(
        "w\(number).json", #"{"id":"id-\#(number)","sql":"SELECT 1","not_before":1000}"#)
    }
    try spool.drop("other.json", #"{"sql":"SELECT 1","not_before":1000}"#)
    #expect(
      eventually {
        Set(spool.activeJobs.map(\.job.text)).isSuperset(of: [
          "w1.json", "w2.json", "w3.json", "other.json",
        ])
      })
    let cancel = try spool.sluice("cancel", "w[12]*", "id-3")
    #expect(cancel.status == 0, "\(cancel.errors)")
    #expect(cancel.output.split(separator: "\n").sorted() == ["id-3", "w1.json", "w2.json"])
    for number in 1...3 {
      #expect(try spool.awaitedResult("w\(number).json").status == "cancelled")
    }
    let mixed = try spool.sluice("cancel", "none*", "other.json")
    #expect(mixed.status == 1 && mixed.output == "other.json\n" && mixed.errors.contains("none*"))
  }

  @Test("every command has --json")
  func json() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.run("x.json", #"{"sql":"SELECT nothing"}"#)
    try live.spool.drop("w.json", #"{"sql":"SELECT 1","not_before":1000}"#)
    #expect(eventually { live.spool.activeJobs.contains { $0.job.text == "w.json" } })
    try live.spool.put("{}", at: "hold/h.json")
    let commands = [
      ["init"], ["submit", "-"], ["exec", "SELECT 1"], ["wait", "x.json"], ["status"], ["top"],
      ["list"],
      ["list", "--all"], ["show", "x.json"], ["show", "w.json"], ["cancel", "w.json"],
      ["release", "h.json"],
      ["hold", "none.json"], ["retry", "x.json"], ["check", "-"], ["config"],
    ]
    for arguments in commands {
      let run = try SluiceProcess.run(
        arguments + ["--json"], input: #"{"sql":"SELECT 1"}"#,
        environment: ["SLUICE_SPOOL": live.spool.path])
      #expect((try? JSONReader.parse(Array(run.output.utf8))) != nil, "\(arguments): \(run.output)")
      #expect(!run.output.contains("\u{1b}"))
    }
  }

  static let faults: [(name: String, text: String, code: String, line: Int64?, pointer: String?)] =
    [
      ("a.json", "", "SLUICE_BAD_JSON", nil, nil),
      ("a.json", "{\"sql\":\n oops}", "SLUICE_BAD_JSON", 2, nil),
      ("a.json", "{}", "SLUICE_BAD_JOB", nil, ""),
      ("a.json", #"{"sql":"SELECT 1","x":1}"#, "SLUICE_BAD_JOB", nil, "/x"),
      ("a.json", #"{"sql":1}"#, "SLUICE_BAD_JOB", nil, "/sql"),
      (
        "a.json", #"{"sql":"SELECT 1","meta":"\#(String(repeating: "m", count: 5000))"}"#,
        "SLUICE_TOO_LARGE", nil, "/meta"
      ),
      ("a.json", #"{"sql":"SELECT 1","database":"none"}"#, "SLUICE_NO_DATABASE", nil, "/database"),
      (
        "a.json", #"{"import":{"file":"../x.csv","table":"t"}}"#, "SLUICE_BAD_JOB", nil,
        "/import/file"
      ),
      ("a.json", #"{"control":"explode"}"#, "SLUICE_BAD_JOB", nil, "/control"),
      ("a.json", String(repeating: "[", count: 100), "SLUICE_TOO_LARGE", 1, nil),
      ("a.jsonl", "", "SLUICE_BAD_FILE", nil, nil),
      ("a.jsonl", "\n{\"sluice\":{}}\n", "SLUICE_BAD_JOB", 2, "/sluice"),
      ("a.jsonl", "{\"sluice\":{\"x\":1}}\n", "SLUICE_BAD_JOB", 1, "/sluice/x"),
      ("a.jsonl", "{\"sql\":\"SELECT 1\"}\n\n{oops\n", "SLUICE_BAD_JSON", 3, nil),
      ("a.sql", "", "SLUICE_BAD_FILE", nil, nil),
      ("a.sql", "-- nothing\n;;\n", "SLUICE_BAD_JOB", nil, nil),
      ("a.sql", "\u{feff}-- sluice: {\"x\":1}\nSELECT 1", "SLUICE_BAD_JOB", nil, "/x"),
      ("a.sql", "SELECT 1;\n\n.read x\n", "SLUICE_BAD_JOB", 3, nil),
      ("a.sql", "SELECT 1;\nSELECT '\u{0}';\n", "SLUICE_BAD_JOB", 2, nil),
      ("a.sql", "SELECT 1;\n/* c */\nROLLBACK;\n", "SLUICE_FORBIDDEN", 3, nil),
      ("a.sql", "CREATE TABLE t(a);\nSAVEPOINT s;\n", "SLUICE_FORBIDDEN", 2, nil),
      (
        "a.sql", "SELECT 1;\nSELECT '\(String(repeating: "x", count: 3000))';", "SLUICE_TOO_LARGE",
        2, nil
      ),
    ]

  @Test(
    "check validates a job without running it: each fault has its code and place, as a worker would tell"
  )
  func check() throws {
    let spool = try TemporarySpool()
    try spool.put(
      "[limits]\nscript_statement_bytes = 2048\n[databases.main]\npath = \"main.db\"\n",
      at: "sluice.toml")
    let config = spool.path + "/sluice.toml"
    for (name, text, code, line, pointer) in Self.faults {
      let run = try spool.sluice(
        "check", "--json", "--config", config, "--name", name, "-", input: text)
      #expect(run.status == 65, "\(text.prefix(60))")
      let fault = try JSONReader.parse(Array(run.output.utf8)).at("errors/0")
      #expect(fault?["code"]?.string == code, "\(text.prefix(60))")
      if let line { #expect(fault?["line"]?.integer == line, "\(text.prefix(60))") }
      if let pointer { #expect(fault?["pointer"]?.string == pointer, "\(text.prefix(60))") }
      #expect(
        try spool.sluice("check", "--config", config, "--name", name, "-", input: text).status == 65
      )
      // The worker says the same, of what is not about its own configuration.
      guard !text.isEmpty else { continue }
      try spool.drop(name, text)
      try WorkerProcess.once(on: spool, ["--set", "limits.script_statement_bytes=2048"])
      let result = try #require(
        try spool.parsedResult(name.hasSuffix(".json") ? name : name + ".json"))
      let told =
        result.code == "SLUICE_LINES"
        ? try spool.result("a.jsonl")
        : try spool.result(name.hasSuffix(".json") ? name : name + ".json")
      #expect(
        told?.contains(code) == true
          || code == "SLUICE_BAD_JOB" && told?.contains("SLUICE_FORBIDDEN") == true,
        "\(text.prefix(60)): \(told?.prefix(300) ?? "")")
    }
    #expect(spool.files("incoming") == [])
  }

  /// Runs the command on a terminal of its own.
  private func onTerminal(_ live: LiveSpool, _ command: String, environment: [String: String] = [:])
    throws -> String
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
    process.arguments = [
      "-qec", "\(SluiceProcess.executable) \(command) --spool \(live.spool.path)", "/dev/null",
    ]
    // What a sanitizer has to say at the end, in colours of its own, is not the command's.
    process.environment = ProcessInfo.processInfo.environment
      .filter { $0.key.hasSuffix("SAN_OPTIONS") }
      .merging(["TERM": "xterm", "PATH": "/usr/bin:/bin"]) { $1 }.merging(environment) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }

  @Test(
    "colours follow NO_COLOR and the terminal",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func colours() throws {
    let live = try LiveSpool()
    defer { live.stop() }
    try live.run("x.json", #"{"sql":"SELECT nothing"}"#)
    for command in ["status", "wait x.json", "exec 'SELECT NULL AS a'"] {
      #expect(try onTerminal(live, command).contains("\u{1b}["), "\(command)")
      #expect(
        try !onTerminal(live, command, environment: ["NO_COLOR": "1"]).contains("\u{1b}["),
        "\(command)")
      #expect(
        try !onTerminal(live, command, environment: ["TERM": "dumb"]).contains("\u{1b}["),
        "\(command)")
      #expect(try !onTerminal(live, command + " --json").contains("\u{1b}["), "\(command)")
    }
  }
}
