import Sluice
import Spool

/// Runs a worker on the calling thread until it has ended.
/// - Returns: the exit code of the process.
public func runWorker(options: RunOptions) -> Int32 {
  let log = WorkerLog()
  do {
    let sources = SettingsOptions(
      configPath: options.configPath, spool: options.spool, database: options.database,
      overrides: options.overrides)
    let loaded = try Settings.load(options: sources)
    for warning in loaded.warnings { log.say(warning) }
    var settings = WorkerSettings(loaded.settings)
    settings.once = options.once
    let worker = try Worker(
      settings, reload: SettingsReload(loaded.settings, options: sources), log: log)
    return try worker.run()
  } catch let error as SettingsError {
    log.say("\(error)")
    return error.exitCode
  } catch {
    log.say("cannot go on: \(WorkerError(error))")
    return exitCode(of: error)
  }
}

/// The numbers of sysexits(3) where the command line or a file it names is at fault, else 1.
private func exitCode(of error: any Error) -> Int32 {
  switch error {
  case let error as SpoolError where [.missing, .notADirectory].contains(error.kind): 64
  case let error as WorkerError: error.exitCode
  default: 1
  }
}
