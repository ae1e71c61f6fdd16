import Sluice

/// What holds for the lines of a `.jsonl` that are still to come.
public struct BatchHeader: Sendable, Equatable {
  /// A job with the header's fields and no statements.
  public var template = Job()
  /// The SQL that a line without its own runs: the header's, then that of the last line with one.
  public var sql: String?

  public init() {}
}
