import JSON

extension Setting {
  private static let day = 86_400.0
  private static let year = 365 * day
  /// The clocks that time out and poll count milliseconds.
  private static let tick = 0.001

  /// Every plain setting, in the order of the configuration file.
  ///
  /// What a running worker has built its threads, connections or files on changes after a restart;
  /// all the rest takes effect at a reload.
  static let all: [Setting] = [
    Setting("pool_size", .count(\.poolSize, 1...256), .afterRestart),
    Setting("connection_timeout", .seconds(\.connectionTimeoutSeconds, tick...day)),
    Setting("max_retries", .count(\.maxRetries, 0...1000)),
    Setting("cache_size", .count(\.cacheSize, 0...1_000_000)),
    Setting("query_timeout", .seconds(\.queryTimeoutSeconds, tick...7 * day)),
    Setting("monitoring_enabled", .flag(\.isMonitoringEnabled), .afterRestart),

    Setting("spool", .path(\.spool), .afterRestart),
    Setting("foreign_keys", .flag(\.foreignKeys), .afterRestart),
    Setting("pool_idle", .seconds(\.poolIdleSeconds, 1...year), .afterRestart),
    Setting("umask", .mode(\.umask, 0...0o077), .afterRestart),

    // A job of a group waits for the whole of it, and an urgent one for the group that runs.
    Setting("group_window", .seconds(\.groupWindowSeconds, 0.0001...10)),
    Setting("group_size", .count(\.groupSize, 1...4096)),
    Setting("aging", .seconds(\.agingSeconds, tick...year)),
    Setting("max_wait", .seconds(\.maxWaitSeconds, tick...year)),

    Setting("settle", .seconds(\.settleSeconds, 0.1...3600)),
    Setting("rescan", .seconds(\.rescanSeconds, 0.1...3600)),
    Setting("after_timeout", .seconds(\.afterTimeoutSeconds, 0...year)),
    // An outcome that is forgotten while its result is still on its way could not be told again.
    Setting("ledger_retention", .seconds(\.ledgerRetentionSeconds, 60...10 * year)),
    Setting("result_retention", .seconds(\.resultRetentionSeconds, 0...10 * year)),

    Setting("monitor_interval", .seconds(\.monitorIntervalSeconds, 0.1...3600)),
    Setting("heartbeat", .seconds(\.heartbeatSeconds, 0.1...3600)),
    Setting("slow_query", .seconds(\.slowQuerySeconds, tick...day)),

    Setting("wal_limit", .bytes(\.walLimitBytes, 1 << 20...1 << 40)),
    // The outcome is one blob of the ledger, and SQLite ends those at 10^9 bytes.
    Setting("returning_limit", .bytes(\.returningLimitBytes, 1 << 10...512 << 20)),

    Setting("limits.job_bytes", .bytes(\.limits.jobBytes, 1 << 10...1 << 30)),
    Setting("limits.sql_bytes", .bytes(\.limits.sqlBytes, 1 << 10...1 << 40)),
    Setting("limits.json_depth", .count(\.limits.jsonDepth, 4...JSONReader.depthCeiling)),
    Setting("limits.statement_bytes", .bytes(\.limits.statementBytes, 1 << 10...1_000_000_000)),
    Setting(
      "limits.script_statement_bytes",
      .bytes(\.limits.scriptStatementBytes, 1 << 10...1_000_000_000)),
    Setting("limits.meta_bytes", .bytes(\.limits.metaBytes, 0...1 << 20)),
    Setting(
      "limits.value_bytes", .bytes(\.limits.valueBytes, 1 << 20...1_000_000_000), .afterRestart),
    Setting(
      "limits.sql_memory", .bytes(\.limits.sqlMemoryBytes, 64 << 20...1 << 40), .afterRestart),
  ]
}
