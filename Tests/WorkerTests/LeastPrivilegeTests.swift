import Foundation
import Glibc
import JSON
import Spool
import TestSupport
import Testing

/// What the page "Running a worker" says of a producer who may only write into `bulk/`, with users
/// and groups that are made for it.
@Suite(
  "Least privilege",
  .enabled(
    if: geteuid() == 0 && access("/usr/sbin/useradd", X_OK) == 0,
    "making users takes root and useradd"))
struct LeastPrivilegeTests {
  @Test(
    "a producer who may only write into bulk/ cannot command, read others' results or reach another database"
  )
  func bulkOnly() throws {
    let place = try SharedSpool()
    let worker = try place.startWorker()
    let path = place.spool
    try place.produce(
      """
      cd \(path)/incoming/bulk
      drop() { cat > .new && mv .new "$1"; }
      drop table.json <<< '{"sql":"CREATE TABLE t(a)"}'
      drop insert.json <<< '{"sql":"INSERT INTO t VALUES(7) RETURNING a"}'
      drop high.json <<< '{"sql":"SELECT 1","priority":"high"}'
      drop stop.json <<< '{"control":"shutdown"}'
      drop attach.json <<< '{"sql":"ATTACH \\u0027\(path)/main.db\\u0027 AS other"}'
      drop import.json <<< '{"import":{"file":"../main.db","table":"t"}}'
      """)
    let expected = [
      ("table.json", "done", nil), ("insert.json", "done", nil),
      ("high.json", "rejected", "SLUICE_FORBIDDEN"), ("stop.json", "rejected", "SLUICE_FORBIDDEN"),
      ("attach.json", "rejected", "SLUICE_FORBIDDEN"),
      ("import.json", "rejected", "SLUICE_BAD_JOB"),
    ]
    for (name, status, code) in expected {
      let result = try place.awaitedResult(name)
      #expect(result.status == status, "\(name)")
      #expect(result.errorCode == code, "\(name)")
    }
    let reached = try place.produce(
      """
      cd \(path)
      for d in . incoming incoming/*/ incoming/bulk results failed active hold data monitor tmp; do
        ls "$d" && echo "listed $d"
      done
      for d in . incoming incoming/control incoming/urgent incoming/high incoming/normal incoming/low \\
        results failed active hold data monitor tmp; do
        touch "$d/x.json" && echo "wrote $d"
      done
      for f in main.db main.db-wal sluice.lock .id results/insert.json failed/stop.json; do
        cat "$f" && echo "read $f"
      done
      """)
    #expect(reached == "")
    #expect(worker.end == nil)
    worker.send(SIGTERM)
    #expect(worker.wait(within: 20) == .exited(0))
    // What the worker made is for its user and group.
    #expect(place.mode("results/insert.json") == 0o640)
    #expect(place.mode("main.db") == 0o640)
  }
}

/// A spool of a worker's own user, with a lane for a group; users and all are gone with the object.
private final class SharedSpool {
  private static let workerUser = "sluice-test-w"
  private static let producer = "sluice-test-p"
  private static let group = "sluice-test-bulk"
  private let home: String
  var spool: String { home + "/spool" }

  init() throws {
    home = try TemporarySpool.makeDirectory()
    Self.removeUsers()
    try Self.run("groupadd --system \(Self.group)")
    for user in [Self.workerUser, Self.producer] {
      try Self.run(
        "useradd --system --no-create-home --shell /usr/sbin/nologin --groups \(Self.group) \(user)"
      )
    }
    // Where the tests were built, those users may have no access.
    try Self.run("cp \(WorkerProcess.executable) \(home)/sluice && chmod 0755 \(home)/sluice")
    try Self.run("chown \(Self.workerUser): \(home) && chmod 0711 \(home)")
    try Self.run("cd / && \(Self.become(Self.workerUser)) \(home)/sluice init \(spool)")
    try Self.run(
      """
      chmod 0711 \(spool) \(spool)/incoming
      chgrp \(Self.group) \(spool)/incoming/bulk && chmod 2730 \(spool)/incoming/bulk
      """)
  }

  deinit {
    Self.removeUsers()
    TemporarySpool.remove(home)
  }

  struct CommandFailed: Error {
    var command: String
    var errors: String
  }

  func startWorker() throws -> ChildProcess {
    let words = Self.become(Self.workerUser).split(separator: " ").map(String.init)
    let worker = try ChildProcess(
      words[0],
      words.dropFirst() + [
        home + "/sluice", "run", "--spool", spool, "--database", spool + "/main.db",
        "--set", "settle=0.1",
      ])
    guard eventually({ worker.errors.contains(" working on ") || worker.end != nil }),
      worker.end == nil
    else { throw CommandFailed(command: "run", errors: worker.errors) }
    return worker
  }

  /// Runs a script as the producer.
  /// - Returns: what it printed.
  @discardableResult
  func produce(_ script: String) throws -> String {
    let output = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      Self.become(Self.producer).split(separator: " ").map(String.init) + ["bash", "-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: "/")
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }

  func awaitedResult(_ name: String) throws -> JSONNode {
    let path = spool + "/results/" + name
    guard eventually({ access(path, F_OK) == 0 }) else {
      throw CommandFailed(command: "result", errors: name)
    }
    return try JSONReader.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  func mode(_ name: String) -> mode_t? {
    var status = stat()
    return stat(spool + "/" + name, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  private static func become(_ user: String) -> String {
    "setpriv --reuid=\(user) --regid=\(user) --init-groups --no-new-privs"
  }

  private static func removeUsers() {
    for user in [workerUser, producer] { try? run("userdel \(user) 2>/dev/null") }
    try? run("groupdel \(group) 2>/dev/null")
  }

  private static func run(_ command: String) throws {
    let child = try ChildProcess("bash", ["-c", "set -e\n" + command])
    guard child.wait() == .exited(0) else {
      throw CommandFailed(command: command, errors: child.errors)
    }
  }
}
