/// The settings of one database's engine; every duration is in seconds.
@dynamicMemberLookup
public struct EngineConfiguration: Sendable {
  /// The database file; made where it is missing.
  public var path: String
  /// The name that jobs know it by.
  public var name = "main"
  /// The random id of the spool whose jobs these are: several may share a database.
  public var spool: Int64 = 0
  /// Readers, each with a thread and a connection; opened on demand.
  public var poolSize = 10
  /// Rest after which a reader's connection is closed.
  public var poolIdle = 300.0
  public var foreignKeys = false
  /// Bytes of the longest text, blob or row that a job's SQL may make, at most 10^9.
  public var valueBytes = 256 << 20
  /// Opens the files of imports, which are rejected without it.
  public var imports: (any ImportSource)?
  /// Notes what this one database's statements and transactions do; nil for nothing of it.
  public var monitor: QueryMonitor?

  /// What may change while the engine runs; what it begins with.
  public var tuning = EngineTuning()
  /// Set by the engine: from then on every copy sees what `Engine.tune` says.
  private var live: LiveTuning?
  /// Likewise: what reads are looked up in, and whoever commits tells it.
  private(set) var readCache: DatabaseCache?
  /// Likewise: whether the database is still the one that was opened.
  private(set) var databaseFile: DatabaseFile?

  public init(path: String) { self.path = path }

  /// What a writer's connection is bound to: the ledger keeps what writes return in one blob.
  var writerValueBytes: Int { max(valueBytes, 2 * tuning.returningLimit) }

  func following(_ live: LiveTuning, _ cache: DatabaseCache) -> EngineConfiguration {
    var copy = self
    copy.live = live
    copy.readCache = cache
    copy.databaseFile = DatabaseFile(path)
    return copy
  }

  /// The tuning's fields, read and set as if they were this type's own.
  public subscript<Field>(dynamicMember field: WritableKeyPath<EngineTuning, Field>) -> Field {
    get { live?.current[keyPath: field] ?? tuning[keyPath: field] }
    set { tuning[keyPath: field] = newValue }
  }
}
