/// The value of one setting, with its unit.
public enum SettingValue: Sendable, Equatable {
  case count(Int)
  case seconds(Double)
  case bytes(Int)
  case flag(Bool)
  /// Permission bits.
  case mode(UInt32)
  case path(String)
  case cacheRules([Settings.CacheRule])
  case maintenance([Settings.Maintenance])

  /// For people, as the file may have it: `30s`, `64MiB`, `0o027`.
  public var text: String {
    switch self {
    case .count(let count): String(count)
    case .seconds(let seconds): SettingUnits.text(seconds: seconds)
    case .bytes(let bytes): SettingUnits.text(bytes: bytes)
    case .flag(let flag): flag ? "true" : "false"
    case .mode(let mode): SettingUnits.text(mode: mode)
    case .path(let path): path
    case .cacheRules(let rules): Self.counted(rules.count)
    case .maintenance(let rules): Self.counted(rules.count)
    }
  }

  private static func counted(_ count: Int) -> String {
    count == 0 ? "no rules" : count == 1 ? "1 rule" : "\(count) rules"
  }
}

extension Settings {
  /// Every setting by its key, in the order of the configuration file.
  var values: [(key: String, value: SettingValue)] {
    var values = Setting.all.map { (key: $0.key, value: $0.value(in: self)) }
    for database in databases {
      let keys = SettingKey.database(database.name)
      values.append((keys.path, .path(database.path)))
      values.append((keys.foreignKeys, .flag(database.foreignKeys)))
    }
    values.append((SettingKey.cache, .cacheRules(cacheRules)))
    values.append((SettingKey.maintenance, .maintenance(maintenance)))
    return values
  }
}

/// The keys that are no plain settings.
enum SettingKey {
  static let databases = "databases"
  static let cache = "cache"
  static let maintenance = "maintenance"

  static func database(_ name: String) -> (path: String, foreignKeys: String) {
    ("\(databases).\(name).path", "\(databases).\(name).foreign_keys")
  }
}
