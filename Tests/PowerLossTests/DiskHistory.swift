/// What happened to the files below one directory, as a disk gets to know of it: which names were
/// made and unmade, what was written into which file, and what was synced when.
///
/// Places are lines of the trace. A change has happened at its `entry` at the earliest and is sure at
/// its `exit`; a sync answers for what was sure at its entry, once it has returned.
struct DiskHistory {
  struct Span {
    var entry: Int
    var exit: Int
  }

  enum Change {
    case write(offset: Int, [UInt8])
    case resize(Int)
  }

  /// A file, whatever its names.
  struct File {
    var changes: [(span: Span, change: Change)] = []
    var syncs: [Span] = []
    /// As the worker saw it, where it looked: what it knows the file by.
    var identity: Identity?
    var modified: Int64?
  }

  struct Identity: Hashable {
    var inode: UInt64
    /// Nanoseconds since 1970.
    var birth: Int64
  }

  enum NameChange {
    case directory(String)
    case link(String, file: Int)
    /// A symbolic link is all name, and no data.
    case symlink(String, target: String)
    case rename(String, to: String)
    case unlink(String)
  }

  struct Mark {
    var line: Int
    var word: String
    var name: String
  }

  var files: [File] = []
  var nameChanges: [(span: Span, change: NameChange)] = []
  var directorySyncs: [(span: Span, path: String)] = []
  var systemSyncs: [Span] = []
  var marks: [Mark] = []
}

extension DiskHistory {
  /// Names that exist after the first so many changes.
  struct Names {
    var directories: Set<String> = []
    var files: [String: Int] = [:]
    /// Symbolic links, and where they lead.
    var symlinks: [String: String] = [:]

    mutating func apply(_ change: NameChange) {
      switch change {
      case .directory(let path): directories.insert(path)
      case .link(let path, let file): files[path] = file
      case .symlink(let path, let target): symlinks[path] = target
      case .rename(let path, let target):
        files[target] = files.removeValue(forKey: path)
        symlinks[target] = symlinks.removeValue(forKey: path)
      case .unlink(let path):
        files[path] = nil
        symlinks[path] = nil
      }
    }
  }

  /// The lines after which a failure shows something new: behind each change and each sync.
  var cuts: [Int] {
    var lines: Set<Int> = []
    for change in nameChanges where !change.change.isOfMonitor {
      lines.insert(change.span.entry + 1)
    }
    let monitored = Set(
      nameChanges.compactMap { change -> Int? in
        if case .link(_, let file) = change.change, change.change.isOfMonitor { file } else { nil }
      })
    for (number, file) in files.enumerated() where !monitored.contains(number) {
      for change in file.changes { lines.insert(change.span.entry + 1) }
      for sync in file.syncs { lines.insert(sync.exit + 1) }
    }
    for sync in directorySyncs { lines.insert(sync.span.exit + 1) }
    for sync in systemSyncs { lines.insert(sync.exit + 1) }
    for mark in marks { lines.insert(mark.line + 1) }
    return lines.sorted()
  }

  /// The history as it would be on a disk that forgets its syncs.
  func withoutSyncs() -> DiskHistory {
    var history = self
    history.directorySyncs = []
    history.systemSyncs = []
    for index in history.files.indices { history.files[index].syncs = [] }
    return history
  }
}

extension DiskHistory.NameChange {
  /// The directories whose entries it changes.
  var directories: [String] {
    switch self {
    case .directory(let path), .link(let path, _), .symlink(let path, _), .unlink(let path):
      [Self.parent(path)]
    case .rename(let path, let target): [Self.parent(path), Self.parent(target)]
    }
  }

  var isOfMonitor: Bool { directories.contains("monitor") }

  private static func parent(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }
}
