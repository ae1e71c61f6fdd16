import Sluice
import Spool

extension WorkerSettings {
  /// What the parts of a worker take of the settings.
  public init(_ settings: Settings) {
    self.init(spool: settings.spool, databases: settings.databases)
    engine = settings.engine
    sqlMemoryBytes = settings.limits.sqlMemoryBytes
    limits.jobBytes = settings.limits.jobBytes
    limits.depth = settings.limits.jsonDepth
    limits.sqlBytes = settings.limits.statementBytes
    limits.scriptStatementBytes = settings.limits.scriptStatementBytes
    limits.metaBytes = settings.limits.metaBytes
    claimRules.jsonBytesMax = Int64(settings.limits.jobBytes)
    claimRules.sqlBytesMax = Int64(settings.limits.sqlBytes)
    claimRules.settle = settings.settleSeconds
    rescan = settings.rescanSeconds
    afterTimeout = settings.afterTimeoutSeconds
    ledgerRetention = settings.ledgerRetentionSeconds
    resultRetention = settings.resultRetentionSeconds
    maintenance = settings.maintenance
    umask = settings.umask
    monitor.isEnabled = settings.isMonitoringEnabled
    monitor.interval = settings.monitorIntervalSeconds
    monitor.heartbeat = settings.heartbeatSeconds
    slowQuery = settings.slowQuerySeconds
  }
}

extension Settings {
  /// What the engines of all databases have in common; name, path and foreign keys are each one's.
  var engine: EngineConfiguration {
    var engine = EngineConfiguration(path: "")
    engine.poolSize = poolSize
    engine.poolIdle = poolIdleSeconds
    engine.connectionTimeout = connectionTimeoutSeconds
    engine.maxRetries = maxRetries
    engine.queryTimeout = queryTimeoutSeconds
    engine.groupWindow = groupWindowSeconds
    engine.groupSize = groupSize
    engine.foreignKeys = foreignKeys
    engine.valueBytes = limits.valueBytes
    engine.returningLimit = returningLimitBytes
    engine.walLimit = walLimitBytes
    engine.cache.entriesMax = cacheSize
    engine.cache.rules = CacheRules(
      cacheRules.map { CacheRules.Rule(match: $0.match, seconds: $0.ttlSeconds) })
    engine.scheduler = SchedulerConfiguration(
      agingSeconds: agingSeconds, maxWaitSeconds: maxWaitSeconds)
    return engine
  }
}
