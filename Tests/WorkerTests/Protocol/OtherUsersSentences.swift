import Foundation
import JSON
import Spool
import TestSupport
import Testing

/// What the protocol says of files that belong to others than the worker's user. Needs root, to be two
/// users at once.
@Suite("Files of other users", .enabled(if: Nobody.canRunCommand))
struct OtherUsersSentences {
  private static let job = #"{"sql":"SELECT 1"}"#
  /// A worker without privileges on a spool of its own, in which root drops files.
  private func worker(on spool: TemporarySpool, _ arguments: [String]) throws -> ChildProcess {
    let owner = try ChildProcess("chown", ["-R", "\(Nobody.user):\(Nobody.user)", spool.path])
    #expect(owner.wait() == .exited(0))
    let worker = try ChildProcess(
      "setpriv",
      Nobody.setpriv + [WorkerProcess.executable, "run", "--spool", spool.path, "--database"]
        + [spool.path + "/main.db", "--set", "monitor_interval=0.1"] + arguments)
    #expect(eventually { worker.errors.contains(" working on ") }, "\(worker.errors)")
    return worker
  }

  private func drop(_ name: String, mode: mode_t, in spool: TemporarySpool) throws {
    try spool.put(Self.job, at: "tmp/" + name)
    #expect(chmod(spool.path + "/tmp/" + name, mode) == 0)
    #expect(rename(spool.path + "/tmp/" + name, spool.path + "/incoming/" + name) == 0)
  }

  @Test("a file that the worker may not read is reported once, counted, and left")
  func unreadable() throws {
    let spool = try TemporarySpool()
    let worker = try worker(on: spool, ["--set", "settle=0.1", "--set", "rescan=0.1"])
    try drop("secret.json", mode: 0o600, in: spool)
    func refused() -> Bool {
      spool.text("monitor/metrics.prom")?.contains("sluice_incoming_refused_files 1\n") == true
    }
    #expect(eventually { refused() })
    // Looked at again and again meanwhile.
    try drop("open.json", mode: 0o644, in: spool)
    #expect(try spool.awaitedResult("open.json").status == "done")
    #expect(refused() && spool.files("incoming") == ["secret.json"])
    #expect(worker.errors.components(separatedBy: "secret.json").count == 2)
    #expect(chmod(spool.path + "/incoming/secret.json", 0o644) == 0)
    #expect(try spool.awaitedResult("secret.json").status == "done")
  }

  @Test("others' files wait until size and times have rested for settle, its own do not")
  func settle() throws {
    let spool = try TemporarySpool()
    let worker = try worker(on: spool, ["--set", "settle=0.6"])
    try drop("others.json", mode: 0o644, in: spool)
    try spool.put(Self.job, at: "tmp/own.json")
    #expect(chown(spool.path + "/tmp/own.json", Nobody.user, Nobody.user) == 0)
    #expect(rename(spool.path + "/tmp/own.json", spool.path + "/incoming/own.json") == 0)
    let waited = try ["own.json", "others.json"].map {
      try #require(try spool.awaitedResult($0)["times"]?["waited"]?.number)
    }
    #expect(waited[0] < 0.6 && waited[1] >= 0.55, "\(waited) \(worker.errors)")
  }
}

/// The user without rights.
private enum Nobody {
  static let user: uid_t = 65534
  /// Arguments for `setpriv`.
  static let setpriv = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]

  /// Whether the built command can be run as that user.
  static var canRunCommand: Bool {
    guard geteuid() == 0 else { return false }
    let look = try? ChildProcess("setpriv", setpriv + ["test", "-x", WorkerProcess.executable])
    return look?.wait() == .exited(0)
  }
}
