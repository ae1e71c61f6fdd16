import ArgumentParser
import SluiceWorker
import Spool

/// What every command that works on a spool takes.
struct SpoolOptions: ParsableArguments {
  @Option(
    help: "The spool's directory (else SLUICE_SPOOL, else the configuration's, else ./spool).")
  var spool: String?

  @Option(help: "The configuration file (else SLUICE_CONFIG, else config/sluice.toml if there).")
  var config: String?

  @Flag(help: "Answer in JSON.")
  var json = false

  /// What is in force for this command.
  func settings() throws(SettingsError) -> LoadedSettings {
    try Settings.load(options: SettingsOptions(configPath: config, spool: spool))
  }

  /// The spool, which must be there.
  func open() throws -> SpoolLayout {
    try SpoolLayout(path: settings().settings.spool, missing: .refuse)
  }
}
