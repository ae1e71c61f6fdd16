/// The settings of one database's cache.
public struct CacheConfiguration: Sendable, Equatable {
  /// Results kept; 0 for no cache.
  public var entriesMax = 1000
  /// Bytes of all that is kept, its keys included.
  public var bytesMax = 64 << 20
  /// Bytes of one result with its key; a larger one is not kept.
  public var entryBytesMax = 1 << 20
  public var rules = CacheRules()

  public init() {}
}

/// What a cache has done since it was made.
public struct CacheStatistics: Sendable, Equatable {
  /// Reads that were answered from the cache.
  public var hits = 0
  /// Reads that might have been, but were not.
  public var misses = 0
  /// Results kept.
  public var stored = 0
  /// Results not kept: too large, or of a read whose result may differ on the same data.
  public var refused = 0
  /// Results not kept since the data changed while they were read.
  public var overtaken = 0
  /// Results that went because the cache was full.
  public var evictions = 0
  /// Results that went because their time was over.
  public var expiries = 0
  /// Results that went because the database changed.
  public var invalidations = 0
  /// Those of them that the writer's own change of one table ended, by that table.
  public var invalidationsByTable: [String: Int] = [:]
  /// How often the cache could not be trusted, was emptied and passed by.
  public var failures = 0
  /// Results kept at the moment.
  public var entries = 0
  /// Their bytes.
  public var bytes = 0
}
