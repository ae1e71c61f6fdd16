/// What `sluice run` was told on its command line.
public struct RunOptions: Sendable {
  public var configPath: String?
  public var spool: String?
  /// The file of the database `main`.
  public var database: String?
  /// Stop when nothing is left that can run.
  public var once: Bool
  /// Settings by name, as they were written; above the environment and the file.
  public var overrides: [String: String]

  public init(
    configPath: String? = nil, spool: String? = nil, database: String? = nil, once: Bool = false,
    overrides: [String: String] = [:]
  ) {
    self.configPath = configPath
    self.spool = spool
    self.database = database
    self.once = once
    self.overrides = overrides
  }
}
