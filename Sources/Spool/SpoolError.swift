/// Why a spool cannot be used: one line, and what to do.
public struct SpoolError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    case missing
    case notADirectory
    case readOnly
    case severalFileSystems
    /// Another worker has it; its process id, if it is known.
    case held(pid: Int32?)
    /// A file of the spool's own does not say what it must.
    case damaged
    case system(errno: Int32)
  }

  public var kind: Kind
  public var message: String
  public var hint: String?

  public init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }

  init(_ error: FileError) {
    let bare = FileError(error.operation, path: error.path, errno: error.errno, hint: "")
    self.init(
      .system(errno: error.errno), String(bare.description.dropLast(3)), hint: error.hint)
  }

  public var description: String { hint.map { "\(message) (\($0))" } ?? message }
}
