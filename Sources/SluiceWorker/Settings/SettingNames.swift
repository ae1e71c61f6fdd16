/// The names that the file knows, and what to say of one that it does not.
enum SettingNames {
  /// Every key, tables and their members included.
  static let inFile =
    Setting.all.map(\.key) + [
      "limits", SettingKey.databases, SettingKey.cache, SettingKey.maintenance,
    ]
  static let ofDatabase = ["path", "foreign_keys"]
  static let ofCacheRule = ["match", "ttl"]
  static let ofMaintenance = ["task", "every", "at", "database", "free", "changed"]

  static func advice(for key: String, among names: [String]) -> String {
    if let name = SettingSuggestion.nearest(to: key, among: names) {
      return "did you mean \(name)?"
    }
    return names.count <= 6
      ? "it may have \(names.joined(separator: ", "))" : "`sluice config` lists all there are"
  }
}

extension SettingsFile {
  /// A key that is not known where it stands.
  /// - Parameters:
  ///   - key: with its tables, for the message.
  ///   - names: what is known there.
  func unknown(_ key: String, _ node: SettingNode, among names: [String]) -> SettingsError {
    let last = key.split(separator: ".").last.map(String.init) ?? key
    // TOML gives a table all that follows its heading, which is easily forgotten.
    let hint =
      key != last && Setting.named(last) != nil
      ? "\(last) belongs above the first [table]"
      : SettingNames.advice(for: names == SettingNames.inFile ? key : last, among: names)
    return SettingsError(
      .unknownSetting, path: path, line: node.line, "there is no setting \(Self.shown(key))",
      hint: hint)
  }

  func wrong(_ key: String, _ node: SettingNode, allowed: String) -> SettingsError {
    wrong(key, node, SettingFault(kind: .wrongType, found: node.found, allowed: allowed))
  }

  func wrong(_ key: String, _ node: SettingNode, _ fault: SettingFault) -> SettingsError {
    SettingsError(
      fault.kind, path: path, line: node.line, "\(Self.shown(key)) is \(fault.found)",
      hint: "it takes \(fault.allowed)")
  }

  /// A key, safe to stand in one line.
  private static func shown(_ key: String) -> String {
    let isPlain = key.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    return isPlain && !key.isEmpty ? key : "\"\(key.debugDescription.dropFirst().dropLast())\""
  }
}
