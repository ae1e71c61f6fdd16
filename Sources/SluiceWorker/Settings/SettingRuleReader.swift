/// Reads one table of `[[cache]]` or `[[maintenance]]`.
struct SettingRuleReader {
  var key: String
  var fields: [String: SettingNode]
  /// Where the table begins.
  var line: Int
  var file: SettingsFile

  private static let longest = 365 * 86_400.0

  func cacheRule() throws(SettingsError) -> Settings.CacheRule {
    try checkNames(SettingNames.ofCacheRule)
    let match = try text("match", allowed: "a GLOB, such as \"SELECT * FROM country*\"")
    guard let match, let ttl = try seconds("ttl", 0...Self.longest) else {
      throw missing("it needs match = \"GLOB\" and ttl = SECONDS")
    }
    return Settings.CacheRule(match: match, ttlSeconds: ttl)
  }

  func maintenance() throws(SettingsError) -> Settings.Maintenance {
    try checkNames(SettingNames.ofMaintenance)
    let words = Settings.Maintenance.Task.allCases.map(\.rawValue)
    let allowed = "one of \(words.joined(separator: ", "))"
    guard let word = try text("task", allowed: allowed) else {
      throw missing("it needs task = \"TASK\", \(allowed)")
    }
    guard let task = Settings.Maintenance.Task(rawValue: word) else {
      throw wrong("task", .outOfRange, allowed: allowed)
    }
    return Settings.Maintenance(
      task: task, schedule: try schedule(),
      database: try text("database", allowed: "the name of a database"),
      need: try need(of: task))
  }

  private func need(of task: Settings.Maintenance.Task) throws(SettingsError) -> Double {
    for (name, allowed) in [
      ("free", "a share from 0 to 1, of vacuum and incremental_vacuum"),
      ("changed", "a share from 0, of optimize and analyze"),
    ] {
      guard let node = fields[name] else { continue }
      guard task.needName == name else { throw wrong(name, .outOfRange, allowed: allowed) }
      let share: Double? =
        switch node.value {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .text, .flag, .instant, .table, .array: nil
        }
      guard let share else { throw wrong(name, .wrongType, allowed: allowed) }
      guard share >= 0, share <= 1 || name == "changed", share.isFinite else {
        throw wrong(name, .outOfRange, allowed: allowed)
      }
      return share
    }
    return task.needByDefault
  }

  private func schedule() throws(SettingsError) -> Settings.Maintenance.Schedule {
    let seconds = try seconds("every", 1...Self.longest)
    let at = try text("at", allowed: Self.allowedTime)
    switch (seconds, at) {
    case (let seconds?, nil): return .everySeconds(seconds)
    case (nil, let at?):
      guard let (hour, minute) = Self.timeOfDay(at) else {
        throw wrong("at", .outOfRange, allowed: Self.allowedTime)
      }
      return .daily(hour: hour, minute: minute)
    case (nil, nil): throw missing("it needs every = SECONDS or at = \"HH:MM\"")
    case (.some, .some):
      throw SettingsError(
        .conflict, path: file.path, line: fields["at"]?.line ?? line,
        "maintenance has both every and at", hint: "leave one of them out")
    }
  }

  private static let allowedTime = "a time of day, from \"00:00\" to \"23:59\""

  private static func timeOfDay(_ text: String) -> (hour: Int, minute: Int)? {
    let digits = Array(text.utf8)
    guard digits.count == 5, digits[2] == UInt8(ascii: ":"),
      (digits[..<2] + digits[3...]).allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    let numbers = digits.map { Int($0) - 0x30 }
    let (hour, minute) = (numbers[0] * 10 + numbers[1], numbers[3] * 10 + numbers[4])
    return hour < 24 && minute < 60 ? (hour, minute) : nil
  }

  // MARK: Fields

  private func checkNames(_ names: [String]) throws(SettingsError) {
    for (name, node) in SettingNode.ordered(fields) where !names.contains(name) {
      throw file.unknown("\(key).\(name)", node, among: names)
    }
  }

  /// Nil if it is not there; never empty.
  private func text(_ name: String, allowed: String) throws(SettingsError) -> String? {
    guard let node = fields[name] else { return nil }
    guard case .text(let text) = node.value, !text.isEmpty else {
      throw wrong(name, .wrongType, allowed: allowed)
    }
    return text
  }

  private func seconds(
    _ name: String, _ range: ClosedRange<Double>
  ) throws(SettingsError) -> Double? {
    guard let node = fields[name] else { return nil }
    let allowed =
      "seconds, or text such as \"30s\", from \(SettingUnits.text(seconds: range.lowerBound))"
      + " to \(SettingUnits.text(seconds: range.upperBound))"
    let seconds: Double? =
      switch node.value {
      case .integer(let number): Double(number)
      case .real(let number): number
      case .text(let text): SettingUnits.seconds(text)
      case .flag, .instant, .table, .array: nil
      }
    guard let seconds else { throw wrong(name, .wrongType, allowed: allowed) }
    guard range.contains(seconds) else { throw wrong(name, .outOfRange, allowed: allowed) }
    return seconds
  }

  private func wrong(
    _ name: String, _ kind: SettingsError.Kind, allowed: String
  ) -> SettingsError {
    guard let node = fields[name] else { return missing("it takes \(allowed)") }
    return file.wrong(
      "\(key).\(name)", node, SettingFault(kind: kind, found: node.found, allowed: allowed))
  }

  private func missing(_ hint: String) -> SettingsError {
    SettingsError(
      .conflict, path: file.path, line: line, "this [[\(key)]] is not complete", hint: hint)
  }
}
