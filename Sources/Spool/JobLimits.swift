/// How large the parts of a job file may be.
public struct JobLimits: Sendable, Equatable {
  /// Bytes of a `.json` file, and of one line of a `.jsonl`: it is held in memory as a whole, and
  /// its tree takes some ten times its size.
  public var jobBytes = 16 << 20
  /// Arrays and objects within each other; bounds the stack that reading takes.
  public var depth = 64
  /// UTF-8 bytes of one SQL statement: bounds the memory of a prepared one. What is larger has
  /// values in it that belong into `params`.
  public var sqlBytes = 1_000_000
  /// Bytes of one statement of a script, which is held in memory as a whole.
  public var scriptStatementBytes = 16 << 20
  /// UTF-8 bytes of an `id`: it is a key of the ledger's index.
  public var idBytes = 200
  /// Bytes of `meta` as written: they are kept with the outcome.
  public var metaBytes = 4096

  public init() {}
}
