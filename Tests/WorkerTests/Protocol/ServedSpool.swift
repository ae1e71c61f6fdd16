import Foundation
import JSON
import Spool
import Synchronization
import TestSupport
import Testing

/// A spool with a running worker that all tests of one suite share: each uses names and tables of its
/// own, so that they may run side by side.
final class ServedSpool: Sendable {
  @TaskLocal static var current: ServedSpool?

  let spool: TemporarySpool
  private let worker: Mutex<WorkerProcess>
  private let number = Atomic<Int>(0)

  init(_ arguments: [String]) throws {
    let spool = try TemporarySpool()
    self.spool = spool
    worker = Mutex(try WorkerProcess.started(on: spool, arguments))
  }

  /// The one of the running test.
  static func get() throws -> ServedSpool { try #require(current) }

  var path: String { spool.path }

  func stop() { worker.withLock { _ = $0.stop() } }

  /// What the worker has said.
  var log: String { worker.withLock { $0.child.errors } }

  /// A name that no other test has.
  func freshName(_ suffix: String = ".json") -> String {
    "j\(number.wrappingAdd(1, ordering: .relaxed).newValue)\(suffix)"
  }

  /// Drops a job and waits for its result.
  @discardableResult
  func run(
    _ content: String, as name: String? = nil, lane: IncomingLane = .root
  ) throws -> JSONNode {
    let name = name ?? freshName()
    try spool.drop(name, content, lane: lane)
    return try result(of: name)
  }

  func result(of name: String) throws -> JSONNode {
    try spool.awaitedResult(JobName(name)?.result ?? name)
  }

  /// The first value that a query returns.
  func value(_ sql: String) throws -> JSONNode? { try run(#"{"sql":"\#(sql)"}"#).firstValue }

  /// A command, and its result.
  @discardableResult
  func command(_ fields: String) throws -> JSONNode {
    try run("{\"control\":\(fields)}", lane: .control)
  }

  /// Renames a file to a name of any bytes in `incoming/`.
  func drop(_ content: String, asBytes name: [UInt8]) throws {
    let scratch = path + "/tmp/" + freshName("")
    try Data(content.utf8).write(to: URL(fileURLWithPath: scratch))
    let target = Array((path + "/incoming/").utf8) + name + [0]
    let code = target.withUnsafeBytes { target in
      scratch.withCString { rename($0, target.bindMemory(to: CChar.self).baseAddress ?? $0) }
    }
    guard code == 0 else { throw FileError(.rename, path: scratch, errno: errno) }
  }

  /// Whether there is a file, of whatever kind, at a path within the spool.
  func has(_ file: String) -> Bool {
    var status = stat()
    return lstat(path + "/" + file, &status) == 0
  }

  /// The permissions of a file in the spool.
  func mode(_ file: String) -> mode_t? {
    var status = stat()
    return lstat(path + "/" + file, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  /// The value of a metric without labels, as a collector reads it.
  func metric(_ name: String) -> Double? {
    let lines = spool.text("monitor/metrics.prom")?.split(separator: "\n") ?? []
    return lines.first { $0.hasPrefix(name + " ") }
      .flatMap { Double($0.dropFirst(name.utf8.count + 1)) }
  }
}

/// Lets all tests of a suite use one worker.
struct SharedWorker: SuiteTrait, TestScoping {
  let arguments: [String]

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let served = try ServedSpool(arguments)
    defer { served.stop() }
    try await ServedSpool.$current.withValue(served) { try await function() }
  }
}

extension Trait where Self == SharedWorker {
  /// - Parameter arguments: of `sluice run`.
  static func worker(_ arguments: String...) -> SharedWorker { SharedWorker(arguments: arguments) }
}

extension JSONNode {
  var error: JSONNode? { self["error"] }
  var message: String { error?["message"]?.string ?? "" }
  var pointer: String? { error?["pointer"]?.string }
  /// The rows of the first statement.
  var rows: [JSONNode] { self["statements"]?[0]?["rows"]?.array ?? [] }
  /// The first row's values.
  var row: [JSONNode] { rows.first?.array ?? [] }

  /// What is wrong with it as the error of a job that is not done; nil where it is as it must be.
  func errorFault() -> String? {
    guard let error else { return "no error" }
    let kinds: Set = [
      "request", "constraint", "sql", "timeout", "lock_timeout", "connection", "transaction",
      "cache", "storage", "dependency", "worker",
    ]
    guard let kind = error["kind"]?.string, kinds.contains(kind) else { return "its kind" }
    guard let code = error["code"]?.string else { return "its code" }
    guard code.hasPrefix("SLUICE_") != (error["number"]?.integer != nil) else {
      return "its number"
    }
    guard code.hasPrefix("SLUICE_") || code.hasPrefix("SQLITE_") else { return "its code" }
    guard error["message"]?.string?.isEmpty == false else { return "its message" }
    guard error["retryable"]?.bool != nil else { return "retryable" }
    return error["hint"]?.string?.isEmpty == false ? nil : "its hint"
  }
}
