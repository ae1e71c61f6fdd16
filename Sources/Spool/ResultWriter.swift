import Glibc
import JSON
import Sluice

/// Publishes results and puts away job files: `results/`, `failed/`, and what is left in `active/`.
///
/// A result appears by rename, whole, with mode 0640 (the process's umask must leave those bits).
/// Nothing is synced here: see `SettleBatch`. Stateless, so any thread may use it, but one at a time
/// for one name.
public struct ResultWriter: Sendable {
  private let layout: SpoolLayout
  private let lanes: LaneNotes

  public init(_ layout: SpoolLayout) {
    self.layout = layout
    lanes = .failed(layout)
  }

  /// Puts a result under its name, replacing an older one.
  ///
  /// - Parameter scratch: what it is called until it is whole, a hidden name of the calling thread's
  ///   own that ends in `.tmp`; nil for one made of `name`. The same each time spares ext4 a search
  ///   and a new entry: 18 µs of CPU a result rather than 21.
  /// - Throws: when it does not stand; the older one then does, and nothing is left behind.
  public func publish(
    _ name: String, _ content: [UInt8], through scratch: String? = nil
  ) throws(FileError) {
    try content.withUnsafeBufferPointer { (buffer) throws(FileError) in
      try publish(name, UnsafeRawBufferPointer(buffer), through: scratch)
    }
  }

  public func publish(
    _ name: String, _ content: UnsafeRawBufferPointer, through scratch: String? = nil
  ) throws(FileError) {
    var file = try ScratchFile(layout.results, name, scratch: scratch)
    try file.write(content)
    try file.publish()
  }

  /// As `publish`, but its data is durable before it stands, at the price of a sync of its own.
  public func publishDurably(_ name: String, _ content: [UInt8]) throws(FileError) {
    var scratch = try ScratchFile(layout.results, name)
    try scratch.write(content)
    try scratch.sync()
    try scratch.publish()
  }

  /// A result that is written in pieces (`x.jsonl`, `x.rows.csv`).
  public func begin(_ name: String) throws(FileError) -> ScratchFile {
    try ScratchFile(layout.results, name)
  }

  /// Removes what a worker that was killed was writing; before anything is written.
  /// - Returns: whether there are files of rows in `results/`.
  public func removeScratch() throws(FileError) -> Bool {
    var hasRows = false
    for directory in [layout.results, layout.failed] {
      var reader = try DirectoryReader(directory)
      while let entry = try reader.next() {
        let name = UnsafeRawBufferPointer(start: entry.name, count: entry.length)
        if Self.isScratch(name) {
          try directory.unlink(entry.name)
        } else {
          hasRows = hasRows || Self.isRows(name)
        }
      }
    }
    return hasRows
  }

  private static func isRows(_ name: UnsafeRawBufferPointer) -> Bool {
    name.suffix(9).elementsEqual(".rows.csv".utf8)
      || name.suffix(11).elementsEqual(".rows.jsonl".utf8)
  }

  /// Takes away the rows that an earlier job of that name has left.
  /// - Parameter format: of those that are this job's own.
  public func withdrawRows(of name: JobName, but format: ResultFormat?) throws(FileError) {
    for other in ResultFormat.ofRows where other != format {
      try layout.results.unlink(name.rows(format: other.rawValue))
    }
  }

  /// `.NAME.tmp`, and what SQLite keeps beside a copy of that name.
  private static func isScratch(_ name: UnsafeRawBufferPointer) -> Bool {
    guard name.first == UInt8(ascii: ".") else { return false }
    return ["", "-wal", "-shm", "-journal"].contains { suffix in
      let ending = ".tmp" + suffix
      return name.suffix(ending.utf8.count).elementsEqual(ending.utf8)
    }
  }

  /// Takes a result of an earlier job of that name away, which the next one does not replace.
  public func withdraw(_ name: String) throws(FileError) { try layout.results.unlink(name) }

  /// A file in `failed/` that is not the job's own: what is left of a batch.
  public func beginFailed(_ name: ClaimedName) throws(FileError) -> ScratchFile {
    lanes.note(name.lane, of: name.job)
    return try beginFailed(name.job)
  }

  private func beginFailed(_ name: JobName) throws(FileError) -> ScratchFile {
    try ScratchFile(layout.failed, name.text, isResult: false)
  }

  // MARK: Job files

  /// Removes the file of a finished job from `active/`.
  public func remove(_ name: ClaimedName) throws(FileError) {
    try layout.active.unlink(name.text)
  }

  /// Moves the file of a job that was not done to `failed/NAME`.
  ///
  /// - Parameter replacing: false where a later job of that name has ended: then a file that is
  ///   there already is the later one's, and this one is removed.
  public func moveToFailed(_ name: ClaimedName, replacing: Bool = true) throws(FileError) {
    if replacing { lanes.note(name.lane, of: name.job) }
    let text = name.text
    try Self.moveToFailed(text, in: layout.active, name.job, layout, replacing: replacing)
  }

  /// The same for an import that ended part-way: `failed/NAME` goes on at that line.
  public func moveToFailed(
    _ name: ClaimedName, fromLine line: Int, replacing: Bool = true
  ) throws(FileError) {
    if replacing { lanes.note(name.lane, of: name.job) }
    try moveToFailed(
      name.text, in: layout.active, name.job, fromLine: line, replacing: replacing)
  }

  /// The same for its file that came back to `incoming/`.
  public func moveToFailed(
    _ job: JobName, from lane: IncomingLane, fromLine line: Int, replacing: Bool = true
  ) throws(FileError) {
    try moveToFailed(
      job.text, in: layout.incoming(lane), job, fromLine: line, replacing: replacing)
  }

  private func moveToFailed(
    _ name: String, in directory: Directory, _ job: JobName, fromLine line: Int, replacing: Bool
  ) throws(FileError) {
    let isThere = replacing ? false : try layout.failed.status(job.text) != nil
    if !isThere, try !leaveOver(name, in: directory, job, fromLine: line) {
      return try Self.moveToFailed(name, in: directory, job, layout, replacing: replacing)
    }
    try directory.unlink(name)
  }

  /// Writes an import that ended part-way into `failed/`, durably, so that it goes on at that line;
  /// its file stays in `active/`.
  /// - Returns: false where there is nothing to make it from.
  public func leaveOver(_ name: ClaimedName, fromLine line: Int) throws(FileError) -> Bool {
    try leaveOver(name.text, in: layout.active, name.job, fromLine: line)
  }

  private func leaveOver(
    _ name: String, in directory: Directory, _ job: JobName, fromLine line: Int
  ) throws(FileError) -> Bool {
    guard let text = try directory.contents(name),
      let changed = ImportJobText.setting(fromLine: line, in: text)
    else { return false }
    var scratch = try beginFailed(job)
    try scratch.write(changed)
    // The file it is made from goes, and with it the only other copy.
    try scratch.sync()
    try scratch.publish()
    return true
  }

  /// The same for a file that came back to `incoming/`.
  public func moveToFailed(
    _ job: JobName, from lane: IncomingLane, replacing: Bool = true
  ) throws(FileError) {
    let directory = layout.incoming(lane)
    try Self.moveToFailed(job.text, in: directory, job, layout, replacing: replacing)
  }

  private static func moveToFailed(
    _ name: String, in directory: Directory, _ job: JobName, _ layout: SpoolLayout,
    replacing: Bool
  ) throws(FileError) {
    let moved =
      replacing
      ? directory.tryRename(name, to: layout.failed, job.text)
      : directory.tryRenameNew(name, to: layout.failed, job.text)
    switch moved.errno {
    case 0, ENOENT: return
    case EEXIST where !replacing: try directory.unlink(name)
    case let errno: throw FileError(.rename, path: directory.pathOf(name), errno: errno)
    }
  }

  // MARK: Settling

  /// Opens a batch, *before* the first of its results is written.
  public func beginSettling() throws(FileError) -> SettleBatch {
    SettleBatch(try layout.results.open("."))
  }

  /// Whether there is a result of that name: a consumer may have taken it.
  public func stands(_ name: String) throws(FileError) -> Bool {
    try layout.results.status(name) != nil
  }

  /// Where a result is, for messages.
  public func path(of name: String) -> String { layout.results.pathOf(name) }

  /// How the result under `name` compares with what the ledger says it is.
  public func compare(_ name: String, with expected: [UInt8]) throws(FileError) -> ResultState {
    let results = layout.results
    guard let status = try results.status(name) else { return .absent }
    if status.size == 0 { return .empty }
    guard status.kind == .regular, status.size == Int64(expected.count) else { return .different }
    return try results.contents(name) == expected ? .same : .different
  }

  /// What the result that stands under `name` says of its job. No more of it is read than its ends.
  public func standing(_ name: String) throws(FileError) -> StandingResult? {
    let head = try layout.results.head(name, bytes: ObjectHead.resultBytes) ?? []
    let end = try layout.results.tail(name, bytes: ResultDocument.endBytes) ?? []
    guard let status = ObjectHead.strings(["status"], in: head)["status"],
      let arrived = ResultDocument.arrived(inEnd: end),
      let finished = ResultDocument.finished(inEnd: end)
    else { return nil }
    return StandingResult(isDone: status == "done", arrived: arrived, finished: finished)
  }
}

/// What tells a result from those of other jobs of its name: instants as they are written there, of
/// which a later one is a greater text.
public struct StandingResult: Sendable {
  public var isDone: Bool
  public var arrived: String
  public var finished: String
}

/// A file being written under a hidden name, which appears under its own when it is published and
/// not at all when it is not.
public struct ScratchFile: ~Copyable, Sendable {
  private let directory: Directory
  private let name: String
  private let scratch: String
  private let file: OpenFile
  private let isResult: Bool
  private var isPublished = false

  /// - Parameter scratch: its name until it is published, which begins with a dot.
  init(
    _ directory: Directory, _ name: String, scratch: String? = nil, isResult: Bool = true
  ) throws(FileError) {
    self.isResult = isResult
    self.directory = directory
    self.name = name
    self.scratch = scratch ?? "." + name + ".tmp"
    file = try directory.create(self.scratch)
  }

  deinit {
    if !isPublished { unlinkat(directory.descriptor, scratch, 0) }
  }

  public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) { try file.write(bytes) }

  public func write(_ bytes: [UInt8]) throws(FileError) { try file.write(bytes) }

  /// Makes what was written durable.
  public func sync() throws(FileError) { try file.sync() }

  /// Gives it its name, replacing an older file of that name.
  public mutating func publish() throws(FileError) {
    try directory.rename(scratch, to: directory, name)
    isPublished = true
    if isResult { Seam.reached(.published) }
  }
}

/// Makes the data of a batch of results durable with one sync of the file system.
///
/// Opened before the batch is written: a write-back that fails is reported only to descriptors that
/// were open by then.
public struct SettleBatch: ~Copyable, Sendable {
  private let file: OpenFile

  init(_ file: consuming OpenFile) { self.file = file }

  /// Blocks until everything written so far is durable; not for the loop thread.
  ///
  /// - Throws: when something may not be: the whole batch is to be written again from the ledger, for
  ///   what can still be read of it is the page cache.
  public func settle() throws(FileError) { try file.syncFileSystem() }
}
