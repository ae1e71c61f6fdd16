/// The settings in force, and how to read them anew.
struct SettingsReload {
  /// What a reload found.
  enum Finding {
    /// Put `live` in force; `lines` say what changed and when that takes effect.
    case changed(live: Settings, lines: [String])
    case unchanged
    /// Nothing is changed; the line says what is wrong and where.
    case refused(String)
  }

  private var inForce: Settings
  private let options: SettingsOptions

  init(_ settings: Settings, options: SettingsOptions) {
    inForce = settings
    self.options = options
  }

  mutating func read() -> Finding {
    do throws(SettingsError) {
      let wanted = try Settings.load(options: options).settings
      let changes = wanted.changes(from: inForce)
      if changes.isEmpty { return .unchanged }
      inForce = wanted.changingOnlyLive(from: inForce)
      return .changed(live: inForce, lines: changes.map(\.text))
    } catch {
      return .refused("\(error)")
    }
  }
}
