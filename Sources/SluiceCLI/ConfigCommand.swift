import ArgumentParser
import JSON
import SluiceWorker

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Shows the settings in force and where each came from.",
    discussion: """
      Flags come before the environment (SLUICE_POOL_SIZE), which comes before the configuration \
      file, which comes before the defaults. The file is --config, else SLUICE_CONFIG, else \
      config/sluice.toml if there is one.
      """)

  @OptionGroup var options: SpoolOptions

  func run() throws {
    let loaded = try options.settings()
    for warning in loaded.warnings { Output.note(VisibleText.escaped(warning)) }
    if options.json { return Output.document(SettingsDocument.json(loaded)) }
    Output.line("configuration  \(VisibleText.escaped(loaded.configPath ?? "no file"))")
    Output.line("")
    let rows = loaded.entries.flatMap { entry in
      Self.lines(entry.value).map { text in
        [entry.key, text, entry.source.text].map { TableFormat.Cell($0) }
      }
    }
    TableFormat(columns: ["setting", "value", "from"], rows: rows).show()
  }

  /// Rules one by one; any other value as it is.
  private static func lines(_ value: SettingValue) -> [String] {
    switch value {
    case .cacheRules(let rules) where !rules.isEmpty: rules.map(\.text)
    case .maintenance(let rules) where !rules.isEmpty: rules.map(\.text)
    case .count, .seconds, .bytes, .flag, .mode, .path, .cacheRules, .maintenance: [value.text]
    }
  }
}

/// `{"pool_size":{"value":10,"source":"default"},…}`, in the order of the configuration file.
///
/// Times are seconds and sizes bytes. A source of `file` has its `path` and `line`, one of
/// `environment` or `flag` its `name`. `config` is the file that was read, or null.
enum SettingsDocument {
  static func json(_ loaded: LoadedSettings) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("config")
    writer.beginObject()
    writer.key("value")
    if let path = loaded.configPath { writer.string(path) } else { writer.null() }
    write(loaded.configSource, to: &writer)
    writer.endObject()
    for entry in loaded.entries {
      writer.key(entry.key)
      writer.beginObject()
      writer.key("value")
      write(entry.value, to: &writer)
      write(entry.source, to: &writer)
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  private static func write(_ source: SettingSource, to writer: inout JSONWriter) {
    writer.field("source", source.word)
    switch source {
    case .default: break
    case .file(let path, let line):
      writer.field("path", path)
      writer.field("line", line)
    case .environment(let name), .flag(let name): writer.field("name", name)
    }
  }

  private static func write(_ value: SettingValue, to writer: inout JSONWriter) {
    switch value {
    case .count(let number), .bytes(let number): writer.integer(Int64(number))
    case .seconds(let seconds): write(seconds: seconds, to: &writer)
    case .flag(let flag): writer.bool(flag)
    case .mode: writer.string(value.text)
    case .path(let path): writer.string(path)
    case .cacheRules(let rules):
      writer.beginArray()
      for rule in rules {
        writer.beginObject()
        writer.field("match", rule.match)
        writer.key("ttl")
        write(seconds: rule.ttlSeconds, to: &writer)
        writer.endObject()
      }
      writer.endArray()
    case .maintenance(let rules):
      writer.beginArray()
      for rule in rules { write(rule, to: &writer) }
      writer.endArray()
    }
  }

  private static func write(_ rule: Settings.Maintenance, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("task", rule.task.rawValue)
    switch rule.schedule {
    case .everySeconds(let seconds):
      writer.key("every")
      write(seconds: seconds, to: &writer)
    case .daily: writer.field("at", rule.schedule.text)
    }
    writer.field("database", rule.database)
    if rule.need > 0, let name = rule.task.needName { writer.field(name, rule.need) }
    writer.endObject()
  }

  /// Whole seconds without a fraction: `30`, as the file has it.
  private static func write(seconds: Double, to writer: inout JSONWriter) {
    if let whole = Int64(exactly: seconds) { writer.integer(whole) } else { writer.real(seconds) }
  }
}
