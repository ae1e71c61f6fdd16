/// Why there are no settings: what is wrong where, and what to do instead.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The file is missing or cannot be read.
    case unreadable
    /// The file is not TOML.
    case syntax
    case unknownSetting
    case wrongType
    case outOfRange
    /// Each setting is right, but not beside the others; or one is missing.
    case conflict
  }

  public var kind: Kind
  /// The file, as it was named; nil for a flag or the environment.
  public var path: String?
  /// From 1.
  public var line: Int?
  public var what: String
  /// What to do instead.
  public var hint: String?

  public init(
    _ kind: Kind, path: String? = nil, line: Int? = nil, _ what: String, hint: String? = nil
  ) {
    self.kind = kind
    self.path = path
    self.line = line
    self.what = what
    self.hint = hint
  }

  /// One line, without the hint: `config/sluice.toml:3: pool_size is 0`.
  public var message: String {
    let place = path.map { path in line.map { "\(path):\($0): " } ?? "\(path): " } ?? ""
    return place + what
  }

  /// What a command ends with: 65 for what stands in a file, 64 for a flag, a variable or a file
  /// that cannot be read, which was named wrongly.
  public var exitCode: Int32 { path != nil && kind != .unreadable ? 65 : 64 }

  /// One line: `config/sluice.toml:3: pool_size is 0; it takes an integer from 1 to 256`.
  public var description: String { hint.map { "\(message); \($0)" } ?? message }
}

/// What is wrong with one value, before it is known where the value stands.
struct SettingFault: Error {
  var kind: SettingsError.Kind
  /// What the value is: `0`, `the string "ten"`.
  var found: String
  /// What it may be.
  var allowed: String
}
