import Glibc

/// What was asked of the file system; the word of fault plans and recordings.
public enum FileOperation: String, Sendable, CaseIterable {
  case open, create, status, read, write, list, rename, unlink, makeDirectory
  case sync, syncFileSystem, lease, lock

  /// As it stands in messages: "cannot … PATH".
  var verb: String {
    switch self {
    case .status: "examine"
    case .unlink: "remove"
    case .makeDirectory: "make the directory"
    case .syncFileSystem: "sync the file system of"
    default: rawValue
    }
  }
}

/// A file operation that failed: what, on which file, with which errno, and what to do about it.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  public var operation: FileOperation
  public var path: String
  /// The system's own number (`ENOSPC`).
  public var errno: Int32
  /// What an operator can do; nil where the message says it all.
  public var hint: String?

  public init(_ operation: FileOperation, path: String, errno: Int32, hint: String? = nil) {
    self.operation = operation
    self.path = path
    self.errno = errno
    self.hint = hint ?? Self.hint(for: errno)
  }

  /// One line: `cannot write spool/results/x.json: No space left on device (make room; …)`.
  public var description: String {
    let reason = String(cString: strerror(errno))
    let advice = hint.map { " (\($0))" } ?? ""
    return "cannot \(operation.verb) \(path): \(reason)\(advice)"
  }

  /// Whether the machine, not the request, is at fault: waiting or making room may mend it.
  public var isStorage: Bool {
    switch errno {
    case ENOSPC, EDQUOT, EIO, EROFS, ENOMEM, ENFILE, EMFILE: true
    default: false
    }
  }

  public var isFull: Bool { errno == ENOSPC || errno == EDQUOT }

  private static func hint(for errno: Int32) -> String? {
    switch errno {
    case ENOSPC, EDQUOT: "make room; the work goes on by itself"
    case EROFS: "the file system is mounted read-only"
    case EACCES, EPERM: "give the worker's user access"
    case EXDEV: "the spool's directories must be on one file system and one mount"
    case EMFILE: "raise the limit of open files (ulimit -n)"
    default: nil
    }
  }
}
