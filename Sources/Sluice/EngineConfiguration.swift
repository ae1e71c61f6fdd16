/// The settings of one database's engine; every duration is in seconds.
public struct EngineConfiguration: Sendable {
  /// The database file; made where it is missing.
  public var path: String
  /// The name that jobs know it by.
  public var name = "main"
  /// The random id of the spool whose jobs these are: several may share a database.
  public var spool: Int64 = 0
  /// Readers, each with a thread and a connection; opened on demand.
  public var poolSize = 10
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
  public var foreignKeys = false
  /// Bytes of the rows that a write returns.
  public var returningLimit = 16 << 20
  /// Bytes of WAL at which it is emptied, with readers waited for.
  public var walLimit = 64 << 20
  public var cache = CacheConfiguration()
  public var scheduler = SchedulerConfiguration()

  public init(path: String) { self.path = path }
}
