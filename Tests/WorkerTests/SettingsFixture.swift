import Foundation
import SluiceWorker
import TestSupport

/// A directory of its own from which settings are loaded, gone when the test is.
final class SettingsFixture {
  let path: String

  init(_ config: String? = nil) throws {
    path = try TemporarySpool.makeDirectory()
    if let config { try write(config, to: "config/sluice.toml") }
  }

  deinit { TemporarySpool.remove(path) }

  func write(_ text: String, to file: String) throws { try write(Data(text.utf8), to: file) }

  func write(_ data: Data, to file: String) throws {
    let url = URL(fileURLWithPath: path + "/" + file)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  func load(
    config: String? = nil, spool: String? = nil, database: String? = nil,
    set overrides: [String: String] = [:], environment: [String: String] = [:]
  ) throws(SettingsError) -> LoadedSettings {
    try Settings.load(
      options: SettingsOptions(
        configPath: config, spool: spool, database: database, overrides: overrides,
        environment: environment, currentDirectory: path))
  }

  /// What loading says is wrong; nil if it says nothing.
  func fault(
    config: String? = nil, set overrides: [String: String] = [:],
    environment: [String: String] = [:]
  ) -> SettingsError? {
    do {
      _ = try load(config: config, set: overrides, environment: environment)
      return nil
    } catch {
      return error
    }
  }
}
