import Sluice

/// Runs a worker on the calling thread until it has ended.
/// - Returns: the exit code of the process.
public func runWorker(options: RunOptions) -> Int32 {
  let log = WorkerLog()
  do {
    let loaded = try Settings.load(
      options: SettingsOptions(
        configPath: options.configPath, spool: options.spool, database: options.database,
        overrides: options.overrides))
    for warning in loaded.warnings { log.say(warning) }
    var settings = WorkerSettings(loaded.settings)
    settings.once = options.once
    let worker = try Worker(settings, log: log)
    log.say("working on \(settings.spool)")
    return try worker.run()
  } catch let error as SettingsError {
    log.say("\(error)")
    return error.exitCode
  } catch {
    log.say("cannot go on: \(WorkerError(error))")
    return 1
  }
}
