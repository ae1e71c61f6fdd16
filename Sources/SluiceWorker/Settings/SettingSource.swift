import class Foundation.ProcessInfo

/// Where a value came from.
public enum SettingSource: Sendable, Equatable {
  case `default`
  case file(path: String, line: Int)
  case environment(name: String)
  /// `--spool`, `--set`.
  case flag(name: String)

  /// `default`, `file`, `environment` or `flag`.
  public var word: String {
    switch self {
    case .default: "default"
    case .file: "file"
    case .environment: "environment"
    case .flag: "flag"
    }
  }

  /// For people: `config/sluice.toml:3`, `SLUICE_POOL_SIZE`, `--spool`.
  public var text: String {
    switch self {
    case .default: "default"
    case .file(let path, let line): "\(path):\(line)"
    case .environment(let name), .flag(let name): name
    }
  }
}

/// What settings are made from, besides the file.
public struct SettingsOptions: Sendable {
  /// `--config`: a file that must be there.
  public var configPath: String?
  /// `--spool`
  public var spool: String?
  /// `--database`: the file of the database `main`.
  public var database: String?
  /// `--set KEY=VALUE`
  public var overrides: [String: String]
  /// An empty variable counts as none.
  public var environment: [String: String]
  /// What relative paths of flags and environment start from; nil: the process's.
  public var currentDirectory: String?

  public init(
    configPath: String? = nil, spool: String? = nil, database: String? = nil,
    overrides: [String: String] = [:],
    environment: [String: String] = ProcessInfo.processInfo.environment,
    currentDirectory: String? = nil
  ) {
    self.configPath = configPath
    self.spool = spool
    self.database = database
    self.overrides = overrides
    self.environment = environment
    self.currentDirectory = currentDirectory
  }
}

/// Settings, and where each came from.
public struct LoadedSettings: Sendable {
  public var settings: Settings
  /// By key: `pool_size`, `limits.job_bytes`, `databases.main.path`, `cache`, `maintenance`.
  public var sources: [String: SettingSource]
  /// The file that was read, as it was named; nil if there was none.
  public var configPath: String?
  public var configSource: SettingSource
  /// What looks like a mistake and is none that could be refused; one line each.
  public var warnings: [String]

  /// Every setting in the order of the configuration file.
  public var entries: [SettingEntry] {
    settings.values.map { key, value in
      SettingEntry(key: key, value: value, source: sources[key] ?? .default)
    }
  }
}

/// One line of `sluice config`.
public struct SettingEntry: Sendable, Equatable {
  public var key: String
  public var value: SettingValue
  public var source: SettingSource
}
