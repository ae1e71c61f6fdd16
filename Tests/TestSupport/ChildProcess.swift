import Glibc

/// A process that a test started: its signals, its standard error and its end.
///
/// Belongs to one test; the process is killed when the object goes.
public final class ChildProcess {
  public enum End: Equatable, Sendable {
    case exited(Int32)
    case killed(by: Int32)
  }

  public let pid: pid_t
  /// An unlinked file: no pipe that could fill up and hold the process back.
  private let errorFile: Int32
  private var knownEnd: End?

  /// - Parameter environment: variables beside those of the test, from which all of Sluice's are
  ///   taken out.
  public init(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/sluice-test-XXXXXX".utf8CString)
    errorFile = mkstemp(&template)
    guard errorFile >= 0 else { throw Failure(call: "mkstemp", errno: errno) }
    unlink(template)
    _ = fcntl(errorFile, F_SETFD, FD_CLOEXEC)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, errorFile, 2)
    var attributes = Self.unblockedSignals()
    defer { posix_spawnattr_destroy(&attributes) }
    var pid: pid_t = 0
    let code = Self.withCStrings([executable] + arguments) { arguments in
      Self.withCStrings(Self.variables(environment)) { variables in
        posix_spawnp(&pid, executable, &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      close(errorFile)
      throw Failure(call: "posix_spawn of \(executable)", errno: code)
    }
    self.pid = pid
  }

  deinit {
    if end == nil {
      kill(pid, SIGKILL)
      _ = wait()
    }
    close(errorFile)
  }

  public struct Failure: Error, CustomStringConvertible {
    public var call: String
    public var errno: Int32
    public var description: String { "\(call): \(String(cString: strerror(errno)))" }
  }

  /// How it ended; nil while it runs.
  public var end: End? { reap(WNOHANG) }

  /// Waits for its end, however long that takes.
  public func wait() -> End {
    while true {
      if let end = reap(0) { return end }
    }
  }

  /// Waits for its end.
  /// - Returns: nil where it still runs after that many seconds.
  public func wait(within seconds: Double) -> End? {
    _ = eventually(within: seconds) { end != nil }
    return end
  }

  public func send(_ signal: Int32) { kill(pid, signal) }

  /// What it has written to standard error.
  public var errors: String {
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = pread(errorFile, &piece, piece.count, off_t(text.count))
      guard count > 0 else { return String(decoding: text, as: UTF8.self) }
      text += piece[..<count]
    }
  }

  // MARK: Details

  private func reap(_ options: Int32) -> End? {
    if let knownEnd { return knownEnd }
    var status: Int32 = 0
    guard waitpid(pid, &status, options) == pid else { return nil }
    let signal = status & 0x7F
    let end = signal == 0 ? End.exited((status >> 8) & 0xFF) : End.killed(by: signal)
    knownEnd = end
    return end
  }

  /// The threads that tests run on block signals, which a child would inherit.
  private static func unblockedSignals() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    return attributes
  }

  private static func variables(_ added: [String: String]) -> [String] {
    var variables: [String] = []
    var next = environ
    while let variable = next.pointee {
      let text = String(cString: variable)
      if !text.hasPrefix("SLUICE_") { variables.append(text) }
      next += 1
    }
    return variables + added.map { "\($0.key)=\($0.value)" }
  }

  private static func withCStrings<R>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return (copies + [nil]).withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("an array of one or more") }
      return body(base)
    }
  }
}
