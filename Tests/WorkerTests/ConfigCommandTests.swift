import Foundation
import Testing

@Suite struct ConfigCommandTests {
  private func sluice(
    _ fixture: SettingsFixture, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> SluiceProcess {
    try SluiceProcess.run(
      arguments + ["--config", fixture.path + "/config/sluice.toml"], environment: environment)
  }

  @Test("config --json gives each value with its source")
  func json() throws {
    let fixture = try SettingsFixture(
      "max_retries = 5\n[[cache]]\nmatch = \"*\"\nttl = 0.5\n"
        + "[[maintenance]]\ntask = \"vacuum\"\nat = \"03:05\"\n")
    let run = try sluice(
      fixture, ["config", "--json", "--spool", "/s"], environment: ["SLUICE_CACHE_SIZE": "7"])
    #expect(run.status == 0)
    let path = "\"path\":\"\(fixture.path)/config/sluice.toml\""
    let expected = [
      #"{"config":{"value":"\#(fixture.path)/config/sluice.toml","source":"flag","name":"--config"}"#,
      #""pool_size":{"value":10,"source":"default"}"#,
      #""connection_timeout":{"value":30,"source":"default"}"#,
      #""max_retries":{"value":5,"source":"file",\#(path),"line":1}"#,
      #""cache_size":{"value":7,"source":"environment","name":"SLUICE_CACHE_SIZE"}"#,
      #""spool":{"value":"/s","source":"flag","name":"--spool"}"#,
      #""umask":{"value":"0o027","source":"default"}"#,
      #""group_window":{"value":0.01,"source":"default"}"#,
      #""limits.job_bytes":{"value":16777216,"source":"default"}"#,
      #""databases.main.path":{"value":"/s/main.db","source":"default"}"#,
      #""cache":{"value":[{"match":"*","ttl":0.5}],"source":"file",\#(path),"line":2}"#,
      #""maintenance":{"value":[{"task":"vacuum","at":"03:05"}],"source":"file",\#(path),"line":5}"#,
    ]
    for part in expected { #expect(run.output.contains(part)) }
    #expect(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) is [String: Any])
  }

  @Test("config shows a table, and on standard error what looks like a mistake")
  func table() throws {
    let fixture = try SettingsFixture("wal_limit = 1048576\n")
    let run = try sluice(fixture, ["config"], environment: ["SLUICE_POOLSIZE": "7"])
    let rows = run.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(rows.first == ["configuration", fixture.path + "/config/sluice.toml"])
    #expect(rows.contains(["setting", "value", "from"]))
    #expect(rows.contains(["wal_limit", "1MiB", fixture.path + "/config/sluice.toml:1"]))
    #expect(rows.contains(["ledger_retention", "7d", "default"]))
    #expect(
      run.errors
        == "SLUICE_POOLSIZE in the environment is no setting; did you mean SLUICE_POOL_SIZE?\n")
  }

  @Test(
    "every command refuses a wrong file, naming the line",
    arguments: [["config"], ["status"], ["run", "--once"], ["init"]])
  func wrongFile(arguments: [String]) throws {
    let fixture = try SettingsFixture("\npool_sizes = 3\n")
    let run = try sluice(fixture, arguments)
    #expect(run.status == 65)
    #expect(
      run.errors.contains(
        "config/sluice.toml:2: there is no setting pool_sizes; did you mean pool_size?"))
  }

  @Test("commands work on the spool that the file names")
  func spoolOfFile() throws {
    let fixture = try SettingsFixture("spool = \"../jobs\"\n")
    #expect(try sluice(fixture, ["init"]).output == fixture.path + "/jobs\n")
    let status = try sluice(fixture, ["status"])
    #expect(status.output.hasPrefix("spool   \(fixture.path)/jobs\n"))
  }
}
