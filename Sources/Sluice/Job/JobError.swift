/// Why a job is not done: what its result says under `error`.
public struct JobError: Error, Sendable, Equatable {
  /// The class of the error, which decides how it is recovered from.
  public enum Kind: String, Sendable {
    case request
    case constraint
    case sql
    case timeout
    case lockTimeout = "lock_timeout"
    case connection
    case transaction
    case cache
    case storage
    case dependency
    case worker
  }

  public var kind: Kind
  /// SQLite's extended name (`SQLITE_CONSTRAINT_UNIQUE`) or a `SLUICE_…` code.
  public var code: String
  /// SQLite's extended result code; nil for `SLUICE_…` codes.
  public var number: Int?
  public var message: String
  /// Which statement of the job, from 0.
  public var statement: Int?
  /// Byte offset into that statement's SQL.
  public var offset: Int?
  /// Place in the job file of a syntax error, from 1.
  public var line: Int?
  public var column: Int?
  /// JSON Pointer (RFC 6901) to a wrong field.
  public var pointer: String?
  /// Whether the same job may succeed when tried again unchanged.
  public var retryable: Bool
  /// What to do instead.
  public var hint: String?

  public init(
    _ kind: Kind, _ code: String, _ message: String, number: Int? = nil, statement: Int? = nil,
    offset: Int? = nil, pointer: String? = nil, retryable: Bool = false, hint: String? = nil
  ) {
    self.kind = kind
    self.code = code
    self.number = number
    self.message = message
    self.statement = statement
    self.offset = offset
    self.pointer = pointer
    self.retryable = retryable
    self.hint = hint
  }
}

extension JobError {
  /// The message as results have it: with the JSON Pointer of what it is about in front.
  var placedMessage: String {
    guard kind == .request, let pointer, !pointer.isEmpty else { return message }
    return "\(pointer): \(message)"
  }
}

/// The codes that are Sluice's own; the protocol's table says when each is given.
public enum SluiceCode {
  public static let badName = "SLUICE_BAD_NAME"
  public static let badFile = "SLUICE_BAD_FILE"
  public static let badJSON = "SLUICE_BAD_JSON"
  public static let badJob = "SLUICE_BAD_JOB"
  public static let tooLarge = "SLUICE_TOO_LARGE"
  public static let noDatabase = "SLUICE_NO_DATABASE"
  public static let forbidden = "SLUICE_FORBIDDEN"
  public static let duplicate = "SLUICE_DUPLICATE"
  public static let notFound = "SLUICE_NOT_FOUND"
  public static let timeout = "SLUICE_TIMEOUT"
  public static let expired = "SLUICE_EXPIRED"
  public static let cancelled = "SLUICE_CANCELLED"
  public static let expect = "SLUICE_EXPECT"
  public static let dependency = "SLUICE_DEPENDENCY"
  public static let cycle = "SLUICE_CYCLE"
  public static let busy = "SLUICE_BUSY"
  public static let lines = "SLUICE_LINES"
  public static let poison = "SLUICE_POISON"
}

extension JobError {
  public static let cancelled = JobError(
    .request, SluiceCode.cancelled, "the job was cancelled before it was finished",
    hint: "it is in failed/: move it back to incoming/ if it is wanted after all")

  public static let expired = JobError(
    .timeout, SluiceCode.expired,
    "the job was not finished by the time its \"expires\" names",
    hint: "give it more time, or drop it when there is less to do before it")
}
