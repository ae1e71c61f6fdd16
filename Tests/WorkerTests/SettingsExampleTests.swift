import Foundation
import Testing

@testable import SluiceWorker

/// The configuration file that comes with Sluice.
@Suite struct SettingsExampleTests {
  private let text: String

  init() throws {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appendingPathComponent("config/sluice.toml")
    text = try String(contentsOf: file, encoding: .utf8)
  }

  /// Its lines that look like settings, freed of their comment sign.
  private var uncommented: String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let bare = line.drop { $0 == "#" || $0 == " " }
      let isSetting = line.hasPrefix("# ") && bare.wholeMatch(of: #/[a-z_]+ = .+|\[.+\]/#) != nil
      return isSetting ? String(bare) : String(line)
    }.joined(separator: "\n")
  }

  @Test("as it stands it changes nothing")
  func asItStands() throws {
    let loaded = try SettingsFixture(text).load()
    #expect(loaded.entries.allSatisfy { $0.source == .default })
    #expect(loaded.configPath == "config/sluice.toml")
  }

  @Test("with every comment taken away it says the defaults, and no setting is left out")
  func uncommentedFile() throws {
    let fixture = try SettingsFixture(uncommented)
    let loaded = try fixture.load()
    for entry in loaded.entries where entry.source == .default {
      Issue.record("\(entry.key) is not in the file")
    }
    var settings = loaded.settings
    #expect(settings.cacheRules.count == 1 && settings.maintenance.count == 3)
    settings.cacheRules = []
    settings.maintenance = []
    #expect(settings == Settings(spool: fixture.path + "/spool"))
  }

  @Test("the six that everyone meets come first")
  func sixFirst() throws {
    let keys = uncommented.matches(of: #/(?m)^([a-z_]+) = /#).prefix(6).map { String($0.1) }
    #expect(keys == Setting.all.prefix(6).map(\.key))
    #expect(
      keys == [
        "pool_size", "connection_timeout", "max_retries", "cache_size", "query_timeout",
        "monitoring_enabled",
      ])
  }
}
