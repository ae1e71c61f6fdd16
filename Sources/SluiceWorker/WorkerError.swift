import EventLoop
import Sluice
import Spool

/// Why the worker cannot start or go on: one line that says what, where and what to do.
public struct WorkerError: Error, Sendable, CustomStringConvertible {
  public var message: String
  public var hint: String?
  /// What the process is to exit with.
  var exitCode: Int32 = 1

  init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  /// Whatever a layer below says, in its words.
  init(_ error: any Error) {
    if let own = error as? WorkerError {
      self = own
    } else {
      self.init("\(error)")
    }
  }

  public var description: String { hint.map { "\(message); \($0)" } ?? message }
}
