/// The settings of an engine that may change while it runs; every duration is in seconds.
public struct EngineTuning: Sendable, Equatable {
  /// How long a job waits for the write lock or a connection before an attempt counts as failed.
  public var connectionTimeout = 30.0
  /// Repeats of a job after an error worth retrying.
  public var maxRetries = 3
  /// Running time of one statement.
  public var queryTimeout = 30.0
  /// How long one group of jobs may run before it is committed.
  public var groupWindow = 0.010
  /// Jobs in one group.
  public var groupSize = 256
  /// Bytes of the rows that a write returns.
  public var returningLimit = 16 << 20
  /// Bytes of WAL at which it is emptied, with readers waited for.
  public var walLimit = 64 << 20
  /// What is kept of reads.
  public var cache = CacheConfiguration()
  public var scheduler = SchedulerConfiguration()

  public init() {}
}

/// The tuning in force, for all threads of one engine.
final class LiveTuning: Sendable {
  private let state: Monitor<EngineTuning>

  init(_ tuning: EngineTuning) { state = Monitor(tuning) }

  var current: EngineTuning { state.withLock { $0 } }

  func set(_ tuning: EngineTuning) { state.withLock { $0 = tuning } }
}
