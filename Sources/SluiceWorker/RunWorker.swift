import Sluice

/// Runs a worker on the calling thread until it has ended.
/// - Returns: the exit code of the process.
public func runWorker(options: RunOptions) -> Int32 {
  let log = WorkerLog()
  do {
    let spool = options.spool ?? "spool"
    var settings = WorkerSettings(
      spool: spool, databases: ["main": options.database ?? spool + "/main.db"])
    settings.once = options.once
    let worker = try Worker(settings, log: log)
    log.say("working on \(spool)")
    return try worker.run()
  } catch {
    log.say("cannot go on: \(WorkerError(error))")
    return 1
  }
}
