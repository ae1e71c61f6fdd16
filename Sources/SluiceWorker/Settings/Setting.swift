/// One plain setting: its key, what it may be, and when a change of it takes effect.
struct Setting: Sendable {
  typealias Field<Value> = WritableKeyPath<Settings, Value> & Sendable

  enum Kind: Sendable {
    case count(Field<Int>, ClosedRange<Int>)
    case seconds(Field<Double>, ClosedRange<Double>)
    case bytes(Field<Int>, ClosedRange<Int>)
    case flag(Field<Bool>)
    case mode(Field<UInt32>, ClosedRange<UInt32>)
    case path(Field<String>)
  }

  /// As in the file; of a table's member `table.member`.
  var key: String
  var kind: Kind
  var takesEffect: SettingChange.Moment

  init(_ key: String, _ kind: Kind, _ takesEffect: SettingChange.Moment = .now) {
    self.key = key
    self.kind = kind
    self.takesEffect = takesEffect
  }

  /// `SLUICE_POOL_SIZE`, `SLUICE_LIMITS_JOB_BYTES`
  var environmentName: String {
    "SLUICE_" + key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
  }

  static func named(_ key: String) -> Setting? { all.first { $0.key == key } }

  /// What it may be, for messages.
  var allowed: String {
    switch kind {
    case .count(_, let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .seconds(_, let range):
      "seconds, or text such as \"30s\", from \(SettingUnits.text(seconds: range.lowerBound))"
        + " to \(SettingUnits.text(seconds: range.upperBound))"
    case .bytes(_, let range):
      "bytes, or text such as \"64MiB\", from \(SettingUnits.text(bytes: range.lowerBound))"
        + " to \(SettingUnits.text(bytes: range.upperBound))"
    case .flag: "true or false"
    case .mode(_, let range):
      "octal digits from \(SettingUnits.text(mode: range.lowerBound))"
        + " to \(SettingUnits.text(mode: range.upperBound))"
    case .path: "a path"
    }
  }

  func value(in settings: Settings) -> SettingValue {
    switch kind {
    case .count(let field, _): .count(settings[keyPath: field])
    case .seconds(let field, _): .seconds(settings[keyPath: field])
    case .bytes(let field, _): .bytes(settings[keyPath: field])
    case .flag(let field): .flag(settings[keyPath: field])
    case .mode(let field, _): .mode(settings[keyPath: field])
    case .path(let field): .path(settings[keyPath: field])
    }
  }

  // MARK: Setting it

  /// From the file.
  /// - Parameter directory: what a relative path starts from.
  func set(_ node: SettingNode, in settings: inout Settings, directory: String) throws(SettingFault)
  {
    switch (kind, node.value) {
    case (.count(let field, let range), .integer(let number)):
      settings[keyPath: field] = try within(range, number, node.found)
    case (.seconds(let field, let range), .integer(let number)):
      settings[keyPath: field] = try within(range, Double(number), node.found)
    case (.seconds(let field, let range), .real(let number)):
      settings[keyPath: field] = try within(range, number, node.found)
    case (.bytes(let field, let range), .integer(let number)):
      settings[keyPath: field] = try within(range, number, node.found)
    case (.flag(let field), .flag(let flag)):
      settings[keyPath: field] = flag
    case (.mode(let field, let range), .integer(let number)):
      // `27` would be 0o33, which nobody means.
      guard node.literal.hasPrefix("0o") else { throw fault(.wrongType, node.found) }
      settings[keyPath: field] = try within(range, UInt32(clamping: number), node.found)
    case (.seconds, .text(let text)), (.bytes, .text(let text)), (.mode, .text(let text)),
      (.path, .text(let text)):
      try set(text, in: &settings, directory: directory, found: node.found)
    default:
      throw fault(.wrongType, node.found)
    }
  }

  /// From a flag or the environment, or from a string in the file.
  func set(
    _ text: String, in settings: inout Settings, directory: String, found: String? = nil
  ) throws(SettingFault) {
    let found = found ?? "\"\(SettingNode.shortened(text))\""
    switch kind {
    case .count(let field, let range):
      settings[keyPath: field] = try within(range, try read(Int(text), found), found)
    case .seconds(let field, let range):
      settings[keyPath: field] = try within(
        range, try read(SettingUnits.seconds(text), found), found)
    case .bytes(let field, let range):
      settings[keyPath: field] = try within(range, try read(SettingUnits.bytes(text), found), found)
    case .flag(let field):
      switch text {
      case "true", "1": settings[keyPath: field] = true
      case "false", "0": settings[keyPath: field] = false
      default: throw fault(.wrongType, found)
      }
    case .mode(let field, let range):
      settings[keyPath: field] = try within(range, try read(SettingUnits.mode(text), found), found)
    case .path(let field):
      guard !text.isEmpty, !text.utf8.contains(0) else { throw fault(.outOfRange, found) }
      settings[keyPath: field] = SettingPath.absolute(text, from: directory)
    }
  }

  private func read<Value>(_ value: Value?, _ found: String) throws(SettingFault) -> Value {
    guard let value else { throw fault(.wrongType, found) }
    return value
  }

  private func within<Value>(
    _ range: ClosedRange<Value>, _ value: Value, _ found: String
  ) throws(SettingFault) -> Value {
    guard range.contains(value) else { throw fault(.outOfRange, found) }
    return value
  }

  private func fault(_ kind: SettingsError.Kind, _ found: String) -> SettingFault {
    SettingFault(kind: kind, found: found, allowed: allowed)
  }
}
