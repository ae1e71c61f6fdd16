import Glibc

/// A worker on the scratch spool of a proof, in a process of its own; killed when the object goes.
final class ProofWorker {
  enum End: Equatable {
    case exited(Int32)
    case killed(by: Int32)

    var text: String {
      switch self {
      case .exited(let status): "exit code \(status)"
      case .killed(let signal): "signal \(signal)"
      }
    }
  }

  private let pid: pid_t
  private var knownEnd: End?

  init(on scratch: ProofScratch, once: Bool) throws {
    var arguments = [
      "sluice", "run", "--spool", scratch.spool.root.path, "--database", scratch.databasePath,
      "--config", scratch.configPath,
    ]
    if once { arguments.append("--once") }
    pid = try Self.spawn(arguments, log: scratch.logPath)
  }

  deinit { kill() }

  /// Waits for its end, at most so many seconds, or until `isOver` says so.
  /// - Returns: nil where it still runs.
  func wait(within seconds: Double, orUntil isOver: () -> Bool = { false }) -> End? {
    let pause: UInt32 = 1000
    var left = Int(seconds * 1e6) / Int(pause)
    while true {
      if let end = reap(WNOHANG) { return end }
      if left <= 0 || isOver() { return nil }
      left -= 1
      usleep(pause)
    }
  }

  /// Kills it as `kill -9` does, and returns when it is gone.
  func kill() {
    guard knownEnd == nil else { return }
    Glibc.kill(pid, SIGKILL)
    while reap(0) == nil {}
  }

  private func reap(_ options: Int32) -> End? {
    if let knownEnd { return knownEnd }
    var status: Int32 = 0
    guard waitpid(pid, &status, options) == pid else { return nil }
    let signal = status & 0x7F
    let end = signal == 0 ? End.exited(status >> 8 & 0xFF) : End.killed(by: signal)
    knownEnd = end
    return end
  }

  private static func spawn(_ arguments: [String], log: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    // A group of its own: a terminal's Ctrl-C is for the proof, which then ends the worker.
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = Self.environment.map { strdup($0) } + [nil]
    defer { for word in words + variables { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw CommandFailure(
        .notDone, "cannot start a worker: \(String(cString: strerror(code)))",
        hint: "see that /proc is mounted and that there is memory")
    }
    return pid
  }

  /// Without the settings of the spool in use.
  private static var environment: [String] {
    var variables: [String] = []
    var next = environ
    while let variable = next.pointee {
      let text = String(cString: variable)
      if !text.hasPrefix("SLUICE_") { variables.append(text) }
      next += 1
    }
    return variables
  }
}
