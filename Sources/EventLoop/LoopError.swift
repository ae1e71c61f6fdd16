import CLibuv

/// A call into libuv that failed: which, on what, why, and what an operator can do about it.
public struct LoopError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the caller can tell apart; everything else is `other`, with libuv's name and message.
  public enum Kind: Sendable {
    /// `ENOENT`, `ENOTDIR`: there is nothing to watch.
    case notFound
    /// `EACCES`, `EPERM`.
    case notPermitted
    /// `EMFILE`, `ENFILE`, `ENOSPC`: descriptors, inotify instances or inotify watches used up.
    case limitReached
    /// `EBUSY`: the loop still has open handles.
    case busy
    case other
  }

  public var kind: Kind
  /// libuv's function.
  public var operation: String
  /// The path, signal or handles it was asked about; empty where there is none.
  public var subject: String
  /// libuv's code, a negated errno.
  public var code: Int32
  /// libuv's name of the code: `ENOSPC`.
  public var name: String
  public var message: String
  /// What to do about it, where that is known.
  public var hint: String?

  public var description: String {
    let place = subject.isEmpty ? "" : " (\(subject))"
    let advice = hint.map { "; \($0)" } ?? ""
    return "\(operation)\(place): \(message) (\(name))\(advice)"
  }

  init(_ code: Int32, _ operation: String, subject: String = "") {
    self.code = code
    self.operation = operation
    self.subject = subject
    // The _r variants write into the caller's buffer: the plain ones leak for unknown codes.
    name = Self.text { uv_err_name_r(code, $0, $1) }
    message = Self.text { uv_strerror_r(code, $0, $1) }
    switch code {
    case UV_ENOENT.rawValue, UV_ENOTDIR.rawValue: kind = .notFound
    case UV_EACCES.rawValue, UV_EPERM.rawValue: kind = .notPermitted
    case UV_EMFILE.rawValue, UV_ENFILE.rawValue: kind = .limitReached
    case UV_ENOSPC.rawValue:
      kind = .limitReached
      hint = "raise fs.inotify.max_user_watches"
    case UV_EBUSY.rawValue: kind = .busy
    default: kind = .other
    }
    if kind == .limitReached, hint == nil {
      hint = "raise the limit of open files (ulimit -n) or fs.inotify.max_user_instances"
    }
  }

  /// The one place where libuv's return codes are looked at: throws for every negative one.
  static func check(
    _ code: Int32, _ operation: String, subject: @autoclosure () -> String = ""
  ) throws(LoopError) {
    guard code < 0 else { return }
    throw LoopError(code, operation, subject: subject())
  }

  private static func text(_ write: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      start.initialize(repeating: 0, count: buffer.count)
      write(start, buffer.count)
      return String(cString: start)
    }
  }
}
