import Glibc
import Sluice

/// How the worker that had this spool before ended.
public enum PreviousEnd: Sendable, Equatable {
  /// There was none.
  case first
  /// In order: everything it published was durable.
  case clean
  /// By itself, on a machine that has run since: what it wrote is in the page cache.
  case killed
  /// By itself after a failed sync, or before it had put right what an earlier one left: what can be
  /// read in the page cache need not be what is on the disk.
  case doubtful
  /// With the machine: what was not synced may be lost, and renames undone.
  case rebooted
}

/// The one worker's hold on a spool: an flock on `sluice.lock`, which ends with the process.
///
/// The file is never unlinked (two workers could hold locks on two files of that name), and its
/// content, which says who holds it and how it ended, is rewritten in place in one write below the
/// size of a sector, so that a power failure leaves the old or the new.
public struct SpoolLock: ~Copyable {
  private let file: OpenFile
  private let bootID: String
  /// How the worker before this one ended.
  public let previousEnd: PreviousEnd

  /// Takes the spool, and notes durably that it is in use.
  ///
  /// - Throws: `.held` with the pid of the worker that has it.
  public static func acquire(_ layout: SpoolLayout) throws(SpoolError) -> SpoolLock {
    try acquire(layout, bootID: currentBootID())
  }

  static func acquire(_ layout: SpoolLayout, bootID: String) throws(SpoolError) -> SpoolLock {
    do throws(FileError) {
      let file = try layout.root.openForUpdate(SpoolLayout.lockName)
      guard try take(file) else { throw FileError(.lock, path: file.path, errno: EWOULDBLOCK) }
      let content = Content(try file.readAll())
      let lock = SpoolLock(
        file: file, bootID: bootID, previousEnd: content.end(seenFrom: bootID))
      // What the end before was stays known until the work of a start is done.
      try lock.note(isClean: false, isDoubtful: lock.isRecoveryDue)
      // The file's own entry, where it was just made.
      try layout.root.sync()
      return lock
    } catch {
      guard error.operation == .lock, error.errno == EWOULDBLOCK else { throw SpoolError(error) }
      let pid = (try? layout.root.contents(SpoolLayout.lockName)).flatMap { $0 }
        .flatMap { Content($0).pid }
      let holder = pid.map { "the worker with pid \($0)" } ?? "another worker"
      throw SpoolError(
        .held(pid: pid), "\(layout.root.path) is in use by \(holder)",
        hint: "one spool has one worker; stop that one first")
    }
  }

  private var isRecoveryDue: Bool {
    switch previousEnd {
    case .clean, .killed: false
    case .first, .doubtful, .rebooted: true
    }
  }

  /// Notes that everything that the worker before left is put right, durably.
  public func markRecovered() throws(FileError) {
    if isRecoveryDue { try note(isClean: false, isDoubtful: false) }
  }

  /// Notes whether what was written may be lost although the machine runs on: an end of the worker
  /// is then `.doubtful`. For the worker that has the lock, on any thread until it marks its end.
  public static func note(isDoubtful: Bool, in layout: SpoolLayout) throws(FileError) {
    let file = try layout.root.openForUpdate(SpoolLayout.lockName)
    var content = Content(try file.readAll())
    content.isDoubtful = isDoubtful
    try write(content, to: file)
  }

  /// Notes that the work ended in order. Syncs the file system first: after a clean end nobody looks
  /// whether results are whole.
  ///
  /// - Throws: when something may not be durable; the end is then `.doubtful`.
  public func markClean() throws(FileError) {
    do throws(FileError) {
      try file.syncFileSystem()
    } catch {
      try note(isClean: false, isDoubtful: true)
      throw error
    }
    try note(isClean: true, isDoubtful: false)
  }

  /// Whether a worker has the spool, for whoever asks.
  public enum Holder: Sendable, Equatable {
    case nobody
    /// Its process id; nil in the moment of its start.
    case worker(pid: Int32?)
  }

  /// Looks without disturbing: a shared lock for a few microseconds, which a starting worker that
  /// meets it waits out.
  public static func holder(_ layout: SpoolLayout) throws(FileError) -> Holder {
    let opened = layout.root.tryOpen(SpoolLayout.lockName)
    if opened.errno == ENOENT { return .nobody }
    let path = layout.root.pathOf(SpoolLayout.lockName)
    let file = layout.root.file(Int32(try opened.get(.open, path)), SpoolLayout.lockName)
    let probe = file.tryLock(LOCK_SH)
    if probe.succeeded { return .nobody }
    guard probe.errno == EWOULDBLOCK else { throw FileError(.lock, path: path, errno: probe.errno) }
    let content = Content(try file.readAll())
    return .worker(pid: content.isClean ? nil : content.pid)
  }

  // MARK: Details

  private init(file: consuming OpenFile, bootID: String, previousEnd: PreviousEnd) {
    self.file = file
    self.bootID = bootID
    self.previousEnd = previousEnd
  }

  /// Whether the lock is ours; tries for a tenth of a second, since `holder` may have it.
  private static func take(_ file: borrowing OpenFile) throws(FileError) -> Bool {
    for attempt in 0..<20 {
      let result = file.tryLock(LOCK_EX)
      if result.succeeded { return true }
      guard result.errno == EWOULDBLOCK else {
        try result.get(.lock, file.path)
        return false
      }
      if attempt < 19 { usleep(5000) }
    }
    return false
  }

  private func note(isClean: Bool, isDoubtful: Bool) throws(FileError) {
    let content = Content(
      pid: getpid(), bootID: bootID, isClean: isClean, isDoubtful: isDoubtful)
    try Self.write(content, to: file)
  }

  private static func write(
    _ content: Content, to file: borrowing OpenFile
  ) throws(FileError) {
    try file.write(content.bytes, at: 0)
    try file.sync()
  }

  static func currentBootID() throws(SpoolError) -> String {
    do throws(FileError) {
      let proc = try Directory(path: "/proc/sys/kernel/random")
      let content = try proc.contents("boot_id") ?? []
      return String(decoding: content.prefix { $0 != 0x0A }, as: UTF8.self)
    } catch { throw SpoolError(error) }
  }

  /// What the lock file says.
  private struct Content {
    var pid: Int32?
    var bootID = ""
    var isClean = false
    var isDoubtful = true

    init(pid: Int32, bootID: String, isClean: Bool, isDoubtful: Bool) {
      self.pid = pid
      self.bootID = bootID
      self.isClean = isClean
      self.isDoubtful = isDoubtful
    }

    /// Unknown lines are skipped; what is missing stays at its most cautious value.
    init(_ bytes: [UInt8]) {
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        switch parts[0] {
        case "pid": pid = Int32(parts[1])
        case "boot": bootID = String(parts[1])
        case "clean": isClean = parts[1] == "1"
        case "doubt": isDoubtful = parts[1] != "0"
        default: continue
        }
      }
    }

    /// Always of one length, so that a shorter text leaves nothing of a longer one.
    var bytes: [UInt8] {
      let lines =
        "pid=\(pid ?? 0)\nboot=\(bootID)\nclean=\(isClean ? 1 : 0)\ndoubt=\(isDoubtful ? 1 : 0)\n"
      var text = Array(lines.utf8)
      text.append(contentsOf: repeatElement(UInt8(ascii: "\n"), count: max(0, 128 - text.count)))
      return text
    }

    func end(seenFrom boot: String) -> PreviousEnd {
      if pid == nil, bootID.isEmpty { return .first }
      if isClean { return .clean }
      if bootID != boot { return .rebooted }
      return isDoubtful ? .doubtful : .killed
    }
  }
}
