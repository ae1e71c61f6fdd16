/// What a reload finds changed, and when that takes effect.
public struct SettingChange: Sendable, Equatable {
  public enum Moment: Sendable, Equatable {
    case now
    case afterRestart
  }

  /// `pool_size`, `databases.main.path`, `cache`.
  public var key: String
  public var takesEffect: Moment
  /// Nil for what was not there.
  public var old: SettingValue?
  /// Nil for what is not there any more.
  public var new: SettingValue?

  /// One line: `pool_size: 10 → 20, after a restart`.
  public var text: String {
    let moment = takesEffect == .now ? "now" : "after a restart"
    return "\(key): \(old?.text ?? "none") → \(new?.text ?? "none"), \(moment)"
  }
}

extension Settings {
  /// What differs from the settings in force, in the order of the configuration file; a pure
  /// function. What takes effect `afterRestart` must be left as it is until then.
  public func changes(from old: Settings) -> [SettingChange] {
    let before = Dictionary(uniqueKeysWithValues: old.values.map { ($0.key, $0.value) })
    let after = values
    let kept = Set(after.map(\.key))
    let gone = old.values.filter { !kept.contains($0.key) }.map {
      ($0.key, Optional<SettingValue>.none)
    }
    return (after.map { ($0.key, Optional($0.value)) } + gone).compactMap { key, value in
      guard before[key] != value else { return nil }
      return SettingChange(
        key: key, takesEffect: Self.moment(of: key), old: before[key], new: value)
    }
  }

  /// These settings with what must wait for a restart as `old` has it: what a reload puts in force.
  public func changingOnlyLive(from old: Settings) -> Settings {
    var live = self
    live.poolSize = old.poolSize
    live.poolIdleSeconds = old.poolIdleSeconds
    live.spool = old.spool
    live.databases = old.databases
    live.foreignKeys = old.foreignKeys
    live.umask = old.umask
    live.limits.valueBytes = old.limits.valueBytes
    live.limits.sqlMemoryBytes = old.limits.sqlMemoryBytes
    live.isMonitoringEnabled = old.isMonitoringEnabled
    // A rule for a database that is not open yet has nothing to work on.
    live.maintenance.removeAll { rule in
      rule.database.map { old.database(named: $0) == nil } ?? false
    }
    return live
  }

  private static func moment(of key: String) -> SettingChange.Moment {
    switch key {
    case SettingKey.cache, SettingKey.maintenance: .now
    // Of a database; its connections are open, and its writer holds its ledger.
    default: Setting.named(key)?.takesEffect ?? .afterRestart
    }
  }
}
