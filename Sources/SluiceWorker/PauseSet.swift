import Sluice
import Spool

/// What is paused at present, as operators asked for it; kept in `.paused` in the spool, so that it
/// outlives the worker.
package struct PauseSet: Sendable, Equatable {
  private static let name = ".paused"

  private var everything = false
  private var databases: Set<String> = []
  private var priorities: Set<Priority> = []

  init() {}

  var isEmpty: Bool { self == PauseSet() }

  func holds(database: String, _ priority: Priority) -> Bool {
    everything || databases.contains(database) || priorities.contains(priority)
  }

  mutating func pause(_ scope: ControlRequest.Scope) {
    switch scope {
    case .everything: everything = true
    case .database(let name): databases.insert(name)
    case .priority(let priority): priorities.insert(priority)
    }
  }

  /// Ends a pause of that very scope; that of everything ends all there are.
  mutating func resume(_ scope: ControlRequest.Scope) {
    switch scope {
    case .everything: self = PauseSet()
    case .database(let name): databases.remove(name)
    case .priority(let priority): priorities.remove(priority)
    }
  }

  /// What is paused, in words: `everything`, `database main`, `priority low`.
  var words: [String] {
    (everything ? ["everything"] : []) + databases.sorted().map { "database \($0)" }
      + priorities.sorted().map { "priority \($0.name)" }
  }

  /// The same, of what concerns such a job.
  package func words(concerning database: String, _ priority: Priority) -> [String] {
    let scopes = ["everything", "database \(database)", "priority \(priority.name)"]
    return words.filter(scopes.contains)
  }

  // MARK: File

  /// Reads what was paused; lines that say nothing known are skipped.
  package init(_ layout: SpoolLayout) throws(FileError) {
    let content = try layout.root.contents(Self.name) ?? []
    for line in String(decoding: content, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      switch (parts.first, parts.dropFirst().first) {
      case ("everything", nil): everything = true
      case ("database", let name?): databases.insert(String(name))
      case ("priority", let name?):
        if let priority = Priority(name: name) { priorities.insert(priority) }
      default: continue
      }
    }
  }

  /// Writes it, whole and durably.
  func save(_ layout: SpoolLayout) throws(FileError) {
    let text = words.map { $0 + "\n" }.joined()
    try layout.root.replaceDurably(Self.name, with: Array(text.utf8))
  }
}
