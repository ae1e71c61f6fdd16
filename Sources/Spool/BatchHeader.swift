import Sluice

/// What holds for the lines of a `.jsonl` that are still to come.
public struct BatchHeader: Sendable, Equatable {
  /// A job with the header's fields and no statements.
  public var template = Job()
  /// The SQL that a line without its own runs: the header's, then that of the last line with one.
  public var sql: String?
  /// Where the last line that was read had its SQL from.
  public internal(set) var origin = SQLOrigin.none

  public enum SQLOrigin: Sendable {
    /// It takes none, or `statements` hold it.
    case none
    /// It names it, or may have been meant to.
    case own
    /// From the header or a line before it.
    case inherited
  }

  public init() {}
}
