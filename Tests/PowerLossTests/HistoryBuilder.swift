import Glibc

/// Makes the history of a directory from a trace: follows descriptors and names.
struct HistoryBuilder {
  struct Unsupported: Error {
    var call: String
    var line: Int
  }

  /// What a descriptor stands for.
  private final class Opened {
    enum Target {
      case directory(String)
      case file(Int)
    }

    var target: Target
    var position = 0
    let appends: Bool
    let reads: Bool

    init(_ target: Target, appends: Bool, reads: Bool) {
      self.target = target
      self.appends = appends
      self.reads = reads
    }
  }

  private let root: String
  private let reader: TraceReader
  private var history = DiskHistory()
  private var names = DiskHistory.Names()
  private var sizes: [Int: Int] = [:]
  private var descriptors: [Int32: [Int: Opened]] = [:]

  static func history(of trace: TraceReader, root: String) throws -> DiskHistory {
    var builder = HistoryBuilder(root: root, reader: trace)
    try builder.build()
    return builder.history
  }

  private init(root: String, reader: TraceReader) {
    self.root = root
    self.reader = reader
    names.directories = [""]
  }

  /// Effects in the order of entries; a descriptor exists from the exit of its open.
  private mutating func build() throws {
    var steps: [(line: Int, event: Int, opens: Bool)] = []
    for (index, event) in reader.events.enumerated() {
      steps.append((event.entry, index, false))
      if ["openat", "open", "creat"].contains(event.name) {
        steps.append((event.exit, index, true))
      }
    }
    steps.sort { ($0.line, $0.opens ? 1 : 0) < ($1.line, $1.opens ? 1 : 0) }
    var created: [Int: Int] = [:]
    for step in steps {
      let event = reader.events[step.event]
      if step.opens {
        try bind(event, created[step.event])
      } else if let file = try perform(event) {
        created[step.event] = file
      }
    }
  }

  // MARK: Names

  /// The path below the root, without a slash at its ends; nil where it is elsewhere.
  private func path(_ event: TraceEvent, _ directory: Int, _ name: Int) -> String? {
    resolve(event.string(name), below: base(event, directory))
  }

  private func base(_ event: TraceEvent, _ argument: Int) -> String? {
    guard let number = event.number(argument),
      case .directory(let path)? = opened(event, number)?.target
    else { return nil }
    return path
  }

  private func resolve(_ name: String, below base: String?) -> String? {
    let whole: String
    if name.hasPrefix("/") {
      guard name == root || name.hasPrefix(root + "/") else { return nil }
      whole = String(name.dropFirst(root.utf8.count))
    } else {
      guard let base else { return nil }
      whole = base + "/" + name
    }
    return whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  private func opened(_ event: TraceEvent, _ descriptor: Int) -> Opened? {
    descriptors[reader.process(of: event.process)]?[descriptor]
  }

  // MARK: Calls

  /// What happens at the entry of a call that succeeded.
  /// - Returns: the file that an open has made or emptied.
  private mutating func perform(_ event: TraceEvent) throws -> Int? {
    let span = DiskHistory.Span(entry: event.entry, exit: event.exit)
    guard event.value >= 0 else {
      note(event)
      return nil
    }
    switch event.name {
    case "openat": return open(event, path(event, 0, 1), flags: event.text(2), span)
    case "open":
      return open(event, resolve(event.string(0), below: nil), flags: event.text(1), span)
    case "creat":
      return open(event, resolve(event.string(0), below: nil), flags: "O_CREAT|O_TRUNC", span)
    case "mkdir": make(resolve(event.string(0), below: nil), span)
    case "mkdirat": make(path(event, 0, 1), span)
    case "rename":
      rename(resolve(event.string(0), below: nil), resolve(event.string(1), below: nil), span)
    case "renameat", "renameat2": rename(path(event, 0, 1), path(event, 2, 3), span)
    case "symlink": symlink(event, resolve(event.string(1), below: nil), span)
    case "symlinkat": symlink(event, path(event, 1, 2), span)
    case "unlink": unlink(resolve(event.string(0), below: nil), span)
    case "unlinkat": unlink(path(event, 0, 1), span)
    case "close": descriptors[reader.process(of: event.process)]?[try event.count(0)] = nil
    case "statx": look(event)
    default: try performOnDescriptor(event, span)
    }
    return nil
  }

  private mutating func performOnDescriptor(
    _ event: TraceEvent, _ span: DiskHistory.Span
  ) throws {
    guard
      ["clone", "clone3", "vfork", "fork", "execve", "exit_group"].contains(event.name) == false,
      let opened = opened(event, try event.count(0))
    else { return }
    switch (event.name, opened.target) {
    case ("syncfs", _): history.systemSyncs.append(span)
    case ("fsync", .directory(let path)), ("fdatasync", .directory(let path)):
      history.directorySyncs.append((span, path))
    case ("fsync", .file(let file)), ("fdatasync", .file(let file)):
      history.files[file].syncs.append(span)
    case ("write", .file(let file)):
      if opened.reads { throw Unsupported(call: "write after read", line: event.entry) }
      let offset = opened.appends ? sizes[file] ?? 0 : opened.position
      opened.position = offset + event.value
      try write(event, file, offset, span)
    case ("pwrite64", .file(let file)): try write(event, file, event.count(3), span)
    case ("ftruncate", .file(let file)): resize(file, try event.count(1), span)
    case ("fallocate", .file(let file)):
      let end = try event.count(2) + event.count(3)
      if event.text(1) == "0", end > sizes[file] ?? 0 { resize(file, end, span) }
    case ("lseek", _): opened.position = event.value
    default: throw Unsupported(call: event.name, line: event.entry)
    }
  }

  /// A call that failed: what the recorded run wants to be known.
  private mutating func note(_ event: TraceEvent) {
    guard event.name == "openat", event.arguments.count > 1 else { return }
    let parts = event.string(1).split(separator: "/", maxSplits: 2)
    guard parts.first == "mark", parts.count > 1 else { return }
    history.marks.append(
      .init(
        line: event.entry, word: String(parts[1]), name: parts.count > 2 ? String(parts[2]) : ""))
  }

  private mutating func open(
    _ event: TraceEvent, _ path: String?, flags: String, _ span: DiskHistory.Span
  ) -> Int? {
    guard let path else { return nil }
    if let file = names.files[path] {
      if flags.contains("O_TRUNC"), sizes[file] ?? 0 > 0 { resize(file, 0, span) }
      return file
    }
    guard flags.contains("O_CREAT") else { return nil }
    let file = history.files.count
    history.files.append(.init())
    change(.link(path, file: file), span)
    return file
  }

  /// Gives an open's descriptor its meaning.
  private mutating func bind(_ event: TraceEvent, _ file: Int?) throws {
    guard event.value >= 0 else { return }
    let isAt = event.name == "openat"
    let path = isAt ? path(event, 0, 1) : resolve(event.string(0), below: nil)
    let flags = event.name == "creat" ? "O_WRONLY" : event.text(isAt ? 2 : 1)
    let process = reader.process(of: event.process)
    guard let path else {
      descriptors[process, default: [:]][event.value] = nil
      return
    }
    let target: Opened.Target
    if let file = file ?? names.files[path] {
      target = .file(file)
    } else if names.directories.contains(path) {
      target = .directory(path)
    } else {
      throw Unsupported(call: "open of \(path), which nobody made", line: event.entry)
    }
    descriptors[process, default: [:]][event.value] = Opened(
      target, appends: flags.contains("O_APPEND"), reads: flags.contains("O_RDWR"))
  }

  private mutating func change(_ change: DiskHistory.NameChange, _ span: DiskHistory.Span) {
    history.nameChanges.append((span, change))
    names.apply(change)
  }

  private mutating func make(_ path: String?, _ span: DiskHistory.Span) {
    if let path { change(.directory(path), span) }
  }

  private mutating func rename(_ path: String?, _ target: String?, _ span: DiskHistory.Span) {
    if let path, let target { change(.rename(path, to: target), span) }
  }

  private mutating func symlink(
    _ event: TraceEvent, _ path: String?, _ span: DiskHistory.Span
  ) {
    if let path { change(.symlink(path, target: event.string(0)), span) }
  }

  private mutating func unlink(_ path: String?, _ span: DiskHistory.Span) {
    if let path { change(.unlink(path), span) }
  }

  private mutating func write(
    _ event: TraceEvent, _ file: Int, _ offset: Int, _ span: DiskHistory.Span
  ) throws {
    let bytes = event.bytes(1)
    guard bytes.count >= event.value else {
      throw Unsupported(call: "a write longer than strace shows", line: event.entry)
    }
    history.files[file].changes.append(
      (span, .write(offset: offset, Array(bytes.prefix(event.value)))))
    sizes[file] = max(sizes[file] ?? 0, offset + event.value)
  }

  private mutating func resize(_ file: Int, _ size: Int, _ span: DiskHistory.Span) {
    history.files[file].changes.append((span, .resize(size)))
    sizes[file] = size
  }

  /// What a process learns of a file.
  private mutating func look(_ event: TraceEvent) {
    let file: Int?
    if event.bytes(1).isEmpty, let number = event.number(0) {
      if case .file(let number)? = opened(event, number)?.target {
        file = number
      } else {
        file = nil
      }
    } else {
      file = path(event, 0, 1).flatMap { names.files[$0] }
    }
    guard let file, let inode = event.field("stx_ino") else { return }
    history.files[file].identity = .init(
      inode: UInt64(inode), birth: event.time("stx_btime") ?? 0)
    history.files[file].modified = event.time("stx_mtime")
  }
}
