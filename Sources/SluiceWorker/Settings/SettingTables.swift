/// Gathers databases and rules from file, environment and flags, and checks them as a whole.
struct SettingTables {
  /// What is known of a database so far.
  private struct Draft {
    var path: (text: String, source: SettingSource)?
    var foreignKeys: (flag: Bool, source: SettingSource)?
    var source: SettingSource
  }

  /// Each has a writer and a pool of readers.
  private static let databasesMax = 64
  private static let allowedName =
    "a name of letters, digits, _ and - (at most 64, not - first)"

  private var drafts: [String: Draft] = [Settings.Database.mainName: Draft(source: .default)]
  private(set) var cacheRules: [Settings.CacheRule] = []
  private var chores: [(rule: Settings.Maintenance, source: SettingSource)] = []
  /// Where the first rule of each list stands.
  private(set) var ruleSources: [String: SettingSource] = [:]

  // MARK: From the file

  mutating func read(
    _ key: String, _ node: SettingNode, from file: SettingsFile
  ) throws(SettingsError) {
    if key == SettingKey.databases {
      for (name, table) in try members(of: node, key, "a table: [databases.NAME]", file) {
        try readDatabase(name, table, from: file)
      }
      return
    }
    guard case .array(let rules) = node.value else {
      throw file.wrong(key, node, allowed: "a list of tables: [[\(key)]]")
    }
    if let first = rules.first { ruleSources[key] = .file(path: file.path, line: first.line) }
    for rule in rules {
      let fields = Dictionary(
        uniqueKeysWithValues: try members(of: rule, key, "a table: [[\(key)]]", file)
          .map { ($0.key, $0.node) })
      let reader = SettingRuleReader(key: key, fields: fields, line: rule.line, file: file)
      if key == SettingKey.cache {
        cacheRules.append(try reader.cacheRule())
      } else {
        chores.append((try reader.maintenance(), .file(path: file.path, line: rule.line)))
      }
    }
  }

  private mutating func readDatabase(
    _ name: String, _ table: SettingNode, from file: SettingsFile
  ) throws(SettingsError) {
    let source = { (node: SettingNode) in SettingSource.file(path: file.path, line: node.line) }
    let key = "\(SettingKey.databases).\(name)"
    guard Settings.Database.isName(name) else {
      throw SettingsError(
        .outOfRange, path: file.path, line: table.line,
        "a database cannot be named \(name.debugDescription)", hint: "use \(Self.allowedName)")
    }
    if drafts[name] == nil { drafts[name] = Draft(source: source(table)) }
    let allowed = "a table: [\(key)] with path = \"FILE\""
    for (member, node) in try members(of: table, key, allowed, file) {
      switch (member, node.value) {
      case ("path", .text(let path)):
        guard let problem = Self.problem(withPath: path) else {
          drafts[name]?.path = (SettingPath.absolute(path, from: file.directory), source(node))
          continue
        }
        throw SettingsError(
          .outOfRange, path: file.path, line: node.line, "\(key).path \(problem)",
          hint: "it takes the path of a file")
      case ("foreign_keys", .flag(let flag)): drafts[name]?.foreignKeys = (flag, source(node))
      case ("path", _): throw file.wrong("\(key).path", node, allowed: "the path of a file")
      case ("foreign_keys", _):
        throw file.wrong("\(key).foreign_keys", node, allowed: "true or false")
      default: throw file.unknown("\(key).\(member)", node, among: SettingNames.ofDatabase)
      }
    }
  }

  private func members(
    of node: SettingNode, _ key: String, _ allowed: String, _ file: SettingsFile
  ) throws(SettingsError) -> [(key: String, node: SettingNode)] {
    guard case .table(let members) = node.value else {
      throw file.wrong(key, node, allowed: allowed)
    }
    return SettingNode.ordered(members)
  }

  // MARK: From flags and environment

  /// - Parameter key: `databases.NAME.path` or `databases.NAME.foreign_keys`.
  mutating func setDatabase(
    _ key: String, _ text: String, source: SettingSource, directory: String
  ) throws(SettingsError) {
    let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, Settings.Database.isName(parts[1]),
      SettingNames.ofDatabase.contains(parts[2])
    else {
      throw SettingsError(
        .unknownSetting, "--set \(key): there is no such setting",
        hint: "write databases.NAME.path or databases.NAME.foreign_keys")
    }
    let name = parts[1]
    if parts[2] == "path" {
      return try setPath(
        text, of: name, source: source, subject: "--set \(key)", directory: directory)
    }
    guard let flag = ["true": true, "1": true, "false": false, "0": false][text] else {
      throw SettingsError(.wrongType, "--set \(key) is \"\(text)\"", hint: "it takes true or false")
    }
    drafts[name, default: Draft(source: source)].foreignKeys = (flag, source)
  }

  mutating func setPath(
    _ path: String, of name: String, source: SettingSource, subject: String, directory: String
  ) throws(SettingsError) {
    if let problem = Self.problem(withPath: path) {
      throw SettingsError(.outOfRange, "\(subject) \(problem)", hint: "it takes the path of a file")
    }
    drafts[name, default: Draft(source: source)].path =
      (SettingPath.absolute(path, from: directory), source)
  }

  private static func problem(withPath path: String) -> String? {
    if path.isEmpty { return "is empty" }
    if path.utf8.contains(0) { return "has a NUL byte" }
    // Outcomes must outlive the process.
    return path == ":memory:" ? "is :memory:, which no result would outlive" : nil
  }

  // MARK: As a whole

  /// `main` first, the others by name.
  /// - Parameter foreignKeys: what holds for a database that does not say it itself, and whence.
  func databases(
    spool: String, foreignKeys: (flag: Bool, source: SettingSource),
    sources: inout [String: SettingSource]
  ) throws(SettingsError) -> [Settings.Database] {
    let main = Settings.Database.mainName
    guard drafts.count <= Self.databasesMax else {
      throw SettingsError(
        .outOfRange, "there are \(drafts.count) databases",
        hint: "a worker takes \(Self.databasesMax); give the others a spool of their own")
    }
    var databases: [Settings.Database] = []
    for name in [main] + drafts.keys.filter({ $0 != main }).sorted() {
      guard let draft = drafts[name] else { continue }
      let mainPath = (text: Settings.mainPath(in: spool), source: SettingSource.default)
      guard let path = draft.path ?? (name == main ? mainPath : nil) else {
        throw Self.error(
          at: draft.source, "databases.\(name) has no path", hint: "add path = \"FILE\"")
      }
      if let other = databases.first(where: { $0.path == path.text }) {
        throw Self.error(
          at: path.source, "databases.\(name) has the same file as databases.\(other.name)",
          hint: "give each its own, for each has a writer")
      }
      let enforced = draft.foreignKeys ?? foreignKeys
      let keys = SettingKey.database(name)
      sources[keys.path] = path.source
      sources[keys.foreignKeys] = enforced.source
      databases.append(
        Settings.Database(name: name, path: path.text, foreignKeys: enforced.flag))
    }
    return databases
  }

  func maintenance(
    among databases: [Settings.Database]
  ) throws(SettingsError) -> [Settings.Maintenance] {
    for (rule, source) in chores {
      guard let name = rule.database, !databases.contains(where: { $0.name == name }) else {
        continue
      }
      let advice = SettingSuggestion.nearest(to: name, among: databases.map(\.name))
      throw Self.error(
        at: source, "maintenance: there is no database \(name.debugDescription)",
        hint: advice.map { "did you mean \($0)?" } ?? "add [databases.NAME] with its path")
    }
    return chores.map(\.rule)
  }

  private static func error(
    at source: SettingSource, _ what: String, hint: String
  ) -> SettingsError {
    switch source {
    case .file(let path, let line):
      SettingsError(.conflict, path: path, line: line, what, hint: hint)
    case .default: SettingsError(.conflict, what, hint: hint)
    case .environment(let name), .flag(let name):
      SettingsError(.conflict, "\(name): \(what)", hint: hint)
    }
  }
}
