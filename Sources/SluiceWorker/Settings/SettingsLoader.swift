import Glibc

extension Settings {
  /// Makes the settings: flags over environment over file over defaults.
  ///
  /// The file is `--config`, else `SLUICE_CONFIG`, else `config/sluice.toml` if that is there. Its
  /// relative paths start from its directory, those of flags and environment from the current one.
  /// - Throws: the first thing that is wrong: in the file by line, then in the environment, then in
  ///   the flags.
  public static func load(options: SettingsOptions) throws(SettingsError) -> LoadedSettings {
    var loader = SettingsLoader(options)
    try loader.readFile()
    try loader.readEnvironment()
    try loader.readFlags()
    return try loader.finish()
  }
}

/// Lays the sources of settings over each other.
struct SettingsLoader {
  private static let configVariable = "SLUICE_CONFIG"
  private static let databaseVariable = "SLUICE_DATABASE"
  private static let usualConfig = "config/sluice.toml"
  /// Variables of the test suite's own, which reach every program that it starts.
  private static let otherVariables = ["SLUICE_CRASH_AT", "SLUICE_FAULT", "SLUICE_SEED"]

  private let options: SettingsOptions
  private let currentDirectory: String
  private let environment: [String: String]
  private var settings: Settings
  private var sources: [String: SettingSource] = [:]
  private var tables = SettingTables()
  private var configPath: String?
  private var configSource = SettingSource.default

  init(_ options: SettingsOptions) {
    self.options = options
    currentDirectory = SettingPath.realDirectory(options.currentDirectory ?? ".")
    environment = options.environment.filter { $0.key.hasPrefix("SLUICE_") && !$0.value.isEmpty }
    settings = Settings(spool: SettingPath.absolute("spool", from: currentDirectory))
  }

  // MARK: The file

  mutating func readFile() throws(SettingsError) {
    guard let path = chooseFile() else { return }
    configPath = path
    let file = try SettingsFile(path: path, currentDirectory: currentDirectory)
    for (key, node) in SettingNode.ordered(file.members) {
      switch key {
      case SettingKey.databases, SettingKey.cache, SettingKey.maintenance:
        try tables.read(key, node, from: file)
      case "limits":
        guard case .table(let members) = node.value else {
          throw file.wrong(key, node, allowed: "a table, [limits]")
        }
        for (name, member) in SettingNode.ordered(members) {
          try set("limits.\(name)", member, from: file)
        }
      default:
        try set(key, node, from: file)
      }
    }
    sources.merge(tables.ruleSources) { $1 }
  }

  private mutating func chooseFile() -> String? {
    if let path = options.configPath {
      configSource = .flag(name: "--config")
      return path
    }
    if let path = environment[Self.configVariable] {
      configSource = .environment(name: Self.configVariable)
      return path
    }
    // One that is there but unreadable is not passed over: opening it says why.
    let usual = SettingPath.absolute(Self.usualConfig, from: currentDirectory)
    var status = stat()
    if stat(usual, &status) != 0, errno == ENOENT || errno == ENOTDIR { return nil }
    return Self.usualConfig
  }

  private mutating func set(
    _ key: String, _ node: SettingNode, from file: SettingsFile
  ) throws(SettingsError) {
    guard let setting = Setting.named(key) else {
      throw file.unknown(key, node, among: SettingNames.inFile)
    }
    do {
      try setting.set(node, in: &settings, directory: file.directory)
    } catch {
      throw file.wrong(key, node, error)
    }
    sources[key] = .file(path: file.path, line: node.line)
  }

  // MARK: The environment

  mutating func readEnvironment() throws(SettingsError) {
    for setting in Setting.all {
      let name = setting.environmentName
      guard let text = environment[name] else { continue }
      try set(setting, text, source: .environment(name: name), subject: name)
    }
    if let path = environment[Self.databaseVariable] {
      try setMainPath(
        path, source: .environment(name: Self.databaseVariable), subject: Self.databaseVariable)
    }
  }

  /// A variable that is no setting may belong to something else, so it does not stop anything.
  private var warnings: [String] {
    let names =
      Setting.all.map(\.environmentName) + [Self.configVariable, Self.databaseVariable]
    let known = Set(names + Self.otherVariables)
    let prefix = "SLUICE_".count
    return environment.keys.filter { !known.contains($0) }.sorted().map { name in
      let nearest = SettingSuggestion.nearest(
        to: String(name.dropFirst(prefix)), among: names.map { String($0.dropFirst(prefix)) })
      let advice = nearest.map { "; did you mean SLUICE_\($0)?" } ?? ""
      return "\(name) in the environment is no setting\(advice)"
    }
  }

  // MARK: Flags

  mutating func readFlags() throws(SettingsError) {
    for (key, text) in options.overrides.sorted(by: { $0.key < $1.key }) {
      let source = SettingSource.flag(name: "--set")
      if let setting = Setting.named(key) {
        try set(setting, text, source: source, subject: "--set \(key)")
      } else if key == SettingKey.cache || key == SettingKey.maintenance {
        throw SettingsError(
          .unknownSetting, "--set \(key) is not possible", hint: "rules stand in the file only")
      } else if key.hasPrefix("\(SettingKey.databases).") {
        try tables.setDatabase(key, text, source: source, directory: currentDirectory)
      } else {
        throw SettingsError(
          .unknownSetting, "--set \(key): there is no such setting",
          hint: SettingNames.advice(for: key, among: SettingNames.inFile))
      }
    }
    if let spool = options.spool, let setting = Setting.named("spool") {
      try set(setting, spool, source: .flag(name: "--spool"), subject: "--spool")
    }
    if let database = options.database {
      try setMainPath(database, source: .flag(name: "--database"), subject: "--database")
    }
  }

  private mutating func set(
    _ setting: Setting, _ text: String, source: SettingSource, subject: String
  ) throws(SettingsError) {
    do {
      try setting.set(text, in: &settings, directory: currentDirectory)
    } catch {
      throw SettingsError(
        error.kind, "\(subject) is \(error.found)", hint: "it takes \(error.allowed)")
    }
    sources[setting.key] = source
  }

  private mutating func setMainPath(
    _ path: String, source: SettingSource, subject: String
  ) throws(SettingsError) {
    try tables.setPath(
      path, of: Settings.Database.mainName, source: source, subject: subject,
      directory: currentDirectory)
  }

  // MARK: The whole

  mutating func finish() throws(SettingsError) -> LoadedSettings {
    let inherited = (settings.foreignKeys, sources["foreign_keys"] ?? .default)
    settings.databases = try tables.databases(
      spool: settings.spool, foreignKeys: inherited, sources: &sources)
    settings.cacheRules = tables.cacheRules
    settings.maintenance = try tables.maintenance(among: settings.databases)
    for (key, _) in settings.values where sources[key] == nil { sources[key] = .default }
    return LoadedSettings(
      settings: settings, sources: sources, configPath: configPath, configSource: configSource,
      warnings: warnings)
  }
}
