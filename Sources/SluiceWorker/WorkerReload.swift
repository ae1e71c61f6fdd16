import Sluice
import Spool

/// Settings that change while the worker runs.
extension Worker {
  /// Puts in force what the configuration says now, as far as a running worker can.
  func reloadSettings() {
    switch reload.read() {
    case .unchanged: log.say("reload: nothing has changed")
    case .refused(let reason): log.say("reload: everything stays as it is: \(reason)")
    case .changed(let live, let lines):
      for line in lines { log.say("reload: \(line)") }
      adopt(live)
    }
  }

  private func adopt(_ live: Settings) {
    let once = settings.once
    settings = WorkerSettings(live)
    settings.once = once
    intake = JobIntake(
      JobDecoder(limits: settings.limits), layout,
      databases: Set(settings.databases.map(\.name)))
    claim.rules = settings.claimRules
    waiting.afterTimeout = settings.afterTimeout
    maintenance.adopt(settings)
    monitor.adopt(settings.monitor)
    lookup.keep(settings.ledgerRetention)
    for engine in engines.all { tune(engine) }
  }

  func tune(_ engine: Engine) {
    engine.tune(settings.engine.tuning)
    engine.configuration.monitor?.countAsSlow(from: settings.slowQuery)
  }
}
