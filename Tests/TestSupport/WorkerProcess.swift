import Glibc
import JSON
import Spool

/// The built worker on a temporary spool, as an operator starts it.
public final class WorkerProcess {
  public let child: ChildProcess
  public let spool: TemporarySpool

  /// The executable beside the test bundle.
  public static let executable: String = {
    let resolved = realpath("/proc/self/exe", nil)
    defer { free(resolved) }
    let own = resolved.map { String(cString: $0) } ?? ""
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
    return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/sluice"
  }()

  public init(
    _ spool: TemporarySpool, _ arguments: [String] = [], environment: [String: String] = [:]
  ) throws {
    self.spool = spool
    child = try ChildProcess(
      Self.executable,
      ["run", "--spool", spool.path, "--database", spool.path + "/main.db"] + arguments,
      environment: environment)
  }

  /// A worker that has taken the spool and looks for jobs.
  public static func started(
    on spool: TemporarySpool, _ arguments: [String] = []
  ) throws -> WorkerProcess {
    let worker = try WorkerProcess(spool, arguments)
    guard eventually({ worker.isReady || worker.child.end != nil }), worker.isReady else {
      throw StartFailure(errors: worker.child.errors)
    }
    return worker
  }

  public struct StartFailure: Error, CustomStringConvertible {
    public var errors: String
    public init(errors: String) { self.errors = errors }
    public var description: String { "the worker did not start: \(errors)" }
  }

  /// Works until nothing is left.
  /// - Parameters:
  ///   - crashAt: the seam at which a debug build is to kill itself, as `SLUICE_CRASH_AT`.
  ///   - fault: the file operation that is to fail in a debug build, as `SLUICE_FAULT`.
  @discardableResult
  public static func once(
    on spool: TemporarySpool, _ arguments: [String] = [], crashAt: String? = nil,
    fault: String? = nil, within seconds: Double = 60
  ) throws -> Run {
    var environment: [String: String] = [:]
    environment["SLUICE_CRASH_AT"] = crashAt
    environment["SLUICE_FAULT"] = fault
    let worker = try WorkerProcess(spool, ["--once"] + arguments, environment: environment)
    let end = worker.child.wait(within: seconds)
    return Run(end: end, errors: worker.child.errors)
  }

  /// A worker's whole life.
  public struct Run {
    /// Nil where it had to be stopped, since it ran on.
    public var end: ChildProcess.End?
    public var errors: String

    public init(end: ChildProcess.End?, errors: String) {
      self.end = end
      self.errors = errors
    }
  }

  public var isReady: Bool { child.errors.contains(" working on ") }

  /// Stops it in order.
  /// - Returns: how it ended; nil where it did not.
  @discardableResult
  public func stop(within seconds: Double = 20) -> ChildProcess.End? {
    child.send(SIGTERM)
    return child.wait(within: seconds)
  }

  /// Kills it, and returns when it is gone and its lock with it.
  @discardableResult
  public func kill() -> ChildProcess.End {
    child.send(SIGKILL)
    return child.wait()
  }
}
