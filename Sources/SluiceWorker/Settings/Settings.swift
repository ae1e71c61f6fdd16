/// What the worker and the commands go by: every value in force, checked, paths absolute.
///
/// A value of this type is whole: `load` makes it from defaults, file, environment and flags, and
/// says of each setting where it came from. Durations are in seconds, sizes in bytes.
public struct Settings: Sendable, Equatable {
  // MARK: What everyone meets

  /// Connections for reads, of each database; one more writes.
  public var poolSize = 10
  /// How long a job waits for a connection or for another process's write lock, each time it tries.
  public var connectionTimeoutSeconds = 30.0
  /// Repeats after an error that may pass; a timeout is not one.
  public var maxRetries = 3
  /// Results of reads that are kept; 0 for none.
  public var cacheSize = 1000
  /// How long one statement may run, its `rows` together.
  public var queryTimeoutSeconds = 30.0
  /// Whether statements, transactions and resources are watched; else only the heartbeat is written.
  public var isMonitoringEnabled = true

  // MARK: Where things are

  /// The spool's directory.
  public var spool: String
  /// `main` first, the others by name; no two have one file.
  public var databases: [Database]
  /// Whether foreign keys are enforced, where a database does not say it for itself.
  public var foreignKeys = false
  /// How long a connection for reads rests before it is closed; it is opened again on demand.
  public var poolIdleSeconds = 300.0
  /// The permissions that files and directories do not get.
  public var umask: UInt32 = 0o027

  // MARK: How writes are grouped and ordered

  /// The longest that one group of writes runs before it commits.
  public var groupWindowSeconds = 0.010
  /// The most jobs that share a commit.
  public var groupSize = 256
  /// Waiting this long lifts a job one lane, at most to `high`.
  public var agingSeconds = 10.0
  /// A job that has waited longer begins one of the next two groups.
  public var maxWaitSeconds = 60.0

  // MARK: The spool

  /// How long a file rests before it is taken, where its writer cannot be asked about.
  public var settleSeconds = 2.0
  /// How often `incoming/` is looked through although no event has come.
  public var rescanSeconds = 10.0
  /// How long a job waits for another one that has not been seen.
  public var afterTimeoutSeconds = 86_400.0
  /// How long the outcome and the id of a write are remembered.
  public var ledgerRetentionSeconds = 604_800.0
  /// How long a result stays in `results/`; 0 for ever.
  public var resultRetentionSeconds = 604_800.0

  // MARK: Monitoring

  /// How often the monitor files are replaced while there is news.
  public var monitorIntervalSeconds = 1.0
  /// How often they are otherwise, so that an idle worker and a dead one differ.
  public var heartbeatSeconds = 15.0
  /// How long a statement runs before it is noted as slow, with its plan.
  public var slowQuerySeconds = 1.0

  // MARK: Bounds

  /// The write-ahead log at which it is emptied, with readers waited for.
  public var walLimitBytes = 64 << 20
  /// What a write may return, kept with its outcome.
  public var returningLimitBytes = 16 << 20
  public var limits = Limits()

  // MARK: Rules

  /// The first rule that matches a read counts.
  public var cacheRules: [CacheRule] = []
  /// What the worker does by itself, in the file's order.
  public var maintenance: [Maintenance] = []

  /// The defaults.
  /// - Parameter spool: its path; the database `main` lies in it.
  public init(spool: String) {
    self.spool = spool
    databases = [Database(name: Database.mainName, path: Self.mainPath(in: spool))]
  }

  /// The database that a job's `database` names.
  public func database(named name: String) -> Database? {
    databases.first { $0.name == name }
  }

  static func mainPath(in spool: String) -> String { SettingPath.join(spool, "main.db") }

  /// Beyond these a job is `rejected` (`SLUICE_TOO_LARGE`).
  public struct Limits: Sendable, Equatable {
    /// A `.json` file.
    public var jobBytes = 16 << 20
    /// A `.sql` file, which is streamed.
    public var sqlBytes = 1 << 30
    /// Arrays and objects within each other.
    public var jsonDepth = 64
    /// The text of one statement in JSON.
    public var statementBytes = 1_000_000
    /// The text of one statement in a `.sql` file.
    public var scriptStatementBytes = 16 << 20
    /// A job's `meta`, as written.
    public var metaBytes = 4096
    /// A text, blob or row that SQL makes or reads; beyond it a statement fails (`SQLITE_TOOBIG`).
    public var valueBytes = 256 << 20
    /// What SQLite holds in memory for all connections together; beyond it a statement fails
    /// (`SQLITE_NOMEM`).
    public var sqlMemoryBytes = 1 << 30

    public init() {}
  }
}
