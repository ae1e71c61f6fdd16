import Sluice
import Spool

/// What a worker is started with.
public struct WorkerSettings: Sendable {
  public var spool: String
  public var databases: [Settings.Database]
  /// End when nothing is left that can run.
  public var once = false
  public var engine = EngineConfiguration(path: "")
  public var limits = JobLimits()
  public var claimRules = ClaimRules()
  /// Seconds between two looks at directories that sent no event.
  public var rescan = 10.0
  /// Seconds for which a job that nobody has seen is waited for.
  public var afterTimeout = 86_400.0
  /// Seconds for which the end of a job is remembered.
  public var ledgerRetention = 604_800.0
  /// Seconds for which a result stays in `results/`; 0 for ever.
  public var resultRetention = 604_800.0
  /// What the worker does by itself.
  public var maintenance: [Settings.Maintenance] = []
  public var umask: UInt32 = 0o027
  /// What SQLite may hold in memory for all databases together.
  public var sqlMemoryBytes = 1 << 30
  var monitor = MetricsWriter.Settings()
  /// Seconds from which on a statement is a slow one.
  var slowQuery = 1.0

  var retention: Retention.Periods { .init(results: resultRetention, ledger: ledgerRetention) }

  /// What the engine of one database is started with.
  func configuration(
    of database: Settings.Database, _ identity: SpoolIdentity, _ layout: SpoolLayout
  ) -> EngineConfiguration {
    var configuration = engine
    configuration.name = database.name
    configuration.path = database.path
    configuration.foreignKeys = database.foreignKeys
    configuration.spool = identity.value
    if monitor.isEnabled { configuration.monitor = QueryMonitor(slowSeconds: slowQuery) }
    configuration.imports = ImportFiles(layout)
    return configuration
  }

  public init(spool: String, databases: [Settings.Database]) {
    self.spool = spool
    self.databases = databases
  }
}
