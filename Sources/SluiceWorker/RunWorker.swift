import Sluice
import Spool

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
    return try worker.run()
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
