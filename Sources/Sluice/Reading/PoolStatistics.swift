/// What a pool's connections are doing, and what they did since it was made.
public struct PoolStatistics: Sendable, Equatable {
  /// Connections that are open, in use, and borrowers that wait, now.
  public var open = 0
  public var lent = 0
  public var waiting = 0
  /// Age of the oldest open one, in seconds.
  public var oldestSeconds = 0.0
  public var opened = 0
  /// Could not be opened.
  public var failed = 0
  /// Times a connection was used.
  public var uses = 0
  /// Health checks before a use, after an error or a rest.
  public var checks = 0
  /// Replaced: worn out, old, given back as broken, or not healthy.
  public var recycled = 0
  /// Closed since nobody needed them.
  public var rested = 0
  /// Seconds that those closed had lived altogether.
  public var lifetimeSeconds = 0.0
  /// Borrowers that found none free, their waiting altogether, and the longest, in seconds.
  public var waits = 0
  public var waitSeconds = 0.0
  public var waitLongest = 0.0
  /// Borrowers that waited in vain.
  public var timeouts = 0

  public init() {}

  mutating func waited(_ seconds: Double) {
    waits += 1
    waitSeconds += seconds
    waitLongest = max(waitLongest, seconds)
  }
}
