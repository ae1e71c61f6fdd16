import CSystem
import Glibc
import Sluice

/// Finds the oldest files of one directory below `incoming/`; claims nothing itself.
///
/// A *pass* lists the whole directory and keeps the oldest files in a window, which is emptied before
/// the next pass begins: a backlog is never held in memory, and a file is examined a few times at
/// most. A pass always finishes; whoever asks for one meanwhile gets another one after it. A pass
/// advances in steps, so that the loop thread can look elsewhere in between. Belongs to one thread.
public final class SpoolScanner {
  public struct Bounds: Sendable {
    /// Files kept in exact order at least, if there are as many.
    public var windowFiles: Int
    /// Bytes of their names; halving them must leave 10,000 of 255 bytes, which the protocol orders.
    public var nameBytes: Int
    /// Files remembered that cannot be claimed yet; more are found again by a later pass.
    public var waiting: Int
    /// Files remembered that cannot be claimed at all; more are tried again by every pass.
    public var refused: Int
    /// Names noticed between two passes; more lead to a pass.
    public var noticed = 1024

    public init(
      windowFiles: Int = 65_536, nameBytes: Int = 5 << 20, waiting: Int = 4096,
      refused: Int = 65_536
    ) {
      self.windowFiles = windowFiles
      self.nameBytes = nameBytes
      self.waiting = waiting
      self.refused = refused
    }
  }

  public let lane: IncomingLane
  private let directory: Directory
  private let bounds: Bounds
  private var reader: DirectoryReader
  private var window: ClaimWindow
  private var pass: Pass?
  /// Whether something may have changed since the last pass began.
  private var again = true
  /// Names of which something was heard since then, with their terminating zeros.
  private var noticed: Set<[CChar]> = []
  /// No pass begins earlier: see `rest(after:)`.
  private var restUntil = MonotonicTime(nanoseconds: .min)

  private struct Waiting {
    var entry: ScanEntry
    var deadline: MonotonicTime
  }
  /// By the hash of the name.
  private var waiting: [Int: Waiting] = [:]
  private var earliest: MonotonicTime?
  /// Waiting files whose time has come, newest first.
  private var due: [ScanEntry] = []
  /// Hashes of name and change time, so that a file that was mended is tried again.
  private var refused: Set<Int> = []

  private struct Pass {
    var began: Timestamp
    var examined = 0
    var candidates = 0
    var directories = 0
    var refusedSeen: Set<Int> = []
  }

  /// Directories that somebody put here, as of the last pass; they are left alone.
  public private(set) var directories = 0
  /// Files of the last pass that are not handed out yet; those beyond the window included.
  public private(set) var backlog = 0
  /// Files that cannot be claimed yet.
  public var waitingCount: Int { waiting.count + due.count }
  /// Files that cannot be claimed at all, as of the last pass.
  public var refusedCount: Int { refused.count }
  /// Memory of the window, in bytes.
  public var footprint: Int { window.footprint }

  public init(
    _ directory: Directory, lane: IncomingLane, bounds: Bounds = Bounds()
  ) throws(FileError) {
    self.directory = directory
    self.lane = lane
    self.bounds = bounds
    reader = try DirectoryReader(directory)
    window = ClaimWindow(capacity: bounds.windowFiles, arenaMax: bounds.nameBytes)
  }

  /// Says that the directory may have changed: leads to a pass.
  public func request() { again = true }

  /// Says that something happened to the file of that name; leads to a look at it alone.
  ///
  /// A pass over a directory that once held 30,000 files costs 70 µs on ext4 even when it is empty
  /// (its blocks stay), and every claim is an event too. Words may get lost, so that a slow timer
  /// must `request` a pass all the same; where inotify drops events, at least 16,384 came before, and
  /// so many names lead to a pass.
  public func notice(_ name: UnsafePointer<CChar>) {
    let length = strlen(name)
    if JobName.isIgnored(UnsafeRawBufferPointer(start: name, count: length)) { return }
    noticed.insert(Array(UnsafeBufferPointer(start: name, count: length + 1)))
    guard noticed.count > bounds.noticed else { return }
    noticed.removeAll(keepingCapacity: true)
    request()
  }

  /// Whether `step` has something to do now.
  public func needsStep(at clock: MonotonicTime) -> Bool {
    if pass != nil { return true }
    guard window.isEmpty, due.isEmpty else { return false }
    return !noticed.isEmpty || (again && clock >= restUntil)
  }

  /// Whether nothing is left that could be claimed now or later without a new file appearing.
  public var isExhausted: Bool {
    pass == nil && !again && noticed.isEmpty && window.isEmpty && due.isEmpty && waiting.isEmpty
  }

  /// When `step` or `next` has something to do again, if nothing is requested; nil for never.
  public var nextDeadline: MonotonicTime? {
    guard again, window.isEmpty, pass == nil else { return earliest }
    return earliest.map { min($0, restUntil) } ?? restUntil
  }

  /// The same for a name as an event source gives it: none, or one repaired to be UTF-8 (which is
  /// then no file's), leads to a pass.
  public func notice(event name: String?) {
    guard let name, !name.unicodeScalars.contains("\u{FFFD}") else { return request() }
    name.withCString { notice($0) }
  }

  // MARK: Passes

  /// Advances the pass under way by at most `budget` directory entries, or begins one if it is
  /// wanted and the window is empty. Returns how many entries it looked at.
  ///
  /// - Throws: when the directory cannot be listed; the pass is given up and another one wanted.
  @discardableResult
  public func step(
    budget: Int, now: Timestamp, clock: MonotonicTime
  ) throws(FileError) -> Int {
    do throws(FileError) {
      if pass == nil {
        guard needsStep(at: clock) else { return 0 }
        window.reset()
        guard again, clock >= restUntil else { return lookAtNoticed(now: now) }
        try reader.rewind()
        again = false
        noticed.removeAll()
        pass = Pass(began: now)
      }
      guard var current = pass else { return 0 }
      pass = nil
      let before = current.examined
      while current.examined - before < budget {
        guard let entry = try reader.next() else {
          finish(current, clock: clock)
          return current.examined - before
        }
        current.examined += 1
        examine(entry, &current)
      }
      pass = current
      return current.examined - before
    } catch {
      pass = nil
      again = true
      restUntil = clock.advanced(bySeconds: 0.1)
      throw error
    }
  }

  /// Puts those files into the window of which something was heard.
  private func lookAtNoticed(now: Timestamp) -> Int {
    var current = Pass(began: now)
    for name in noticed {
      name.withUnsafeBufferPointer { name in
        guard let base = name.baseAddress else { return }
        let type = UInt8(DT_UNKNOWN)
        examine(.init(name: base, length: name.count - 1, type: type), &current)
      }
    }
    let count = noticed.count
    noticed.removeAll()
    window.seal()
    // Only a pass can count the directories.
    if window.isPartial || current.directories > 0 { again = true }
    backlog += current.candidates
    return count
  }

  private func finish(_ pass: Pass, clock: MonotonicTime) {
    window.seal()
    directories = pass.directories
    backlog = pass.candidates
    refused = pass.refusedSeen
    if window.isPartial { again = true }
    rest(after: pass, clock: clock)
  }

  /// A large directory in which little can be claimed must not keep the loop busy whenever one of
  /// its files is touched: the next pass waits about twice as long as this one took (1 µs a file).
  /// Names that are noticed do not wait for it.
  private func rest(after pass: Pass, clock: MonotonicTime) {
    guard pass.examined > 1000, pass.candidates < pass.examined / 16 else { return }
    restUntil = clock.advanced(bySeconds: min(1, Double(pass.examined) * 2e-6))
  }

  private func examine(_ entry: DirectoryReader.Entry, _ pass: inout Pass) {
    if entry.type == UInt8(DT_DIR) {
      if !isOwnLane(entry) { pass.directories += 1 }
      return
    }
    let name = UnsafeRawBufferPointer(start: entry.name, count: entry.length)
    if JobName.isIgnored(name) { return }
    if !waiting.isEmpty, waiting[Self.hash(name)] != nil { return }
    var status = sluice_statx()
    let looked = directory.tryStatus(entry.name, &status)
    if looked.errno == ENOENT { return }
    // One that cannot be looked at is handed out all the same: the claim says why, once.
    if looked.succeeded, FileStatus.kind(ofMode: status.mode) == .directory {
      if !isOwnLane(entry) { pass.directories += 1 }
      return
    }
    if !refused.isEmpty {
      let key = Self.hash(name, changed: status.ctime_ns)
      if refused.contains(key) {
        pass.refusedSeen.insert(key)
        return
      }
    }
    pass.candidates += 1
    let now = pass.began.nanoseconds
    let changed = looked.succeeded ? min(status.ctime_ns, now) : now
    window.insert(changed: changed, name: entry.name, length: entry.length)
  }

  private func isOwnLane(_ entry: DirectoryReader.Entry) -> Bool {
    guard lane == .root else { return false }
    return IncomingLane(rawValue: String(cString: entry.name)) != nil
  }

  // MARK: Entries

  /// The next file to claim: one whose waiting is over, else the oldest of the window.
  public func next(at clock: MonotonicTime) -> ScanEntry? {
    collectDue(at: clock)
    if let entry = due.popLast() { return entry }
    guard pass == nil else { return nil }
    while let (changed, name) = window.popOldest() {
      backlog = max(0, backlog - 1)
      if !waiting.isEmpty, waiting[Self.hash(name)] != nil { continue }
      return ScanEntry(name: name, lane: lane, arrival: Timestamp(nanoseconds: changed))
    }
    return nil
  }

  /// Takes a file back that cannot be claimed before `deadline`.
  public func postpone(_ entry: ScanEntry, hold: ClaimHold, until deadline: MonotonicTime) {
    guard waiting.count < bounds.waiting else {
      // Forgotten; the pass after some of the others are gone finds it again.
      again = true
      restUntil = max(restUntil, deadline)
      return
    }
    var entry = entry
    entry.hold = hold
    waiting[Self.hash(entry.name)] = Waiting(entry: entry, deadline: deadline)
    earliest = earliest.map { min($0, deadline) } ?? deadline
  }

  /// Leaves a file alone for as long as it does not change.
  ///
  /// - Returns: true the first time, when it is to be reported.
  public func refuse(_ entry: ScanEntry) -> Bool {
    var status = sluice_statx()
    if directory.tryStatus(entry.name, &status).errno == ENOENT { return false }
    let key = entry.name.withUnsafeBytes { name in
      Self.hash(UnsafeRawBufferPointer(rebasing: name.dropLast()), changed: status.ctime_ns)
    }
    guard refused.count < bounds.refused else { return false }
    pass?.refusedSeen.insert(key)
    return refused.insert(key).inserted
  }

  private func collectDue(at clock: MonotonicTime) {
    guard let earliest, clock >= earliest else { return }
    self.earliest = nil
    for (key, waiter) in waiting {
      if waiter.deadline <= clock {
        due.append(waiter.entry)
        waiting[key] = nil
      } else {
        self.earliest = self.earliest.map { min($0, waiter.deadline) } ?? waiter.deadline
      }
    }
    due.sort { left, right in
      if left.arrival != right.arrival { return left.arrival > right.arrival }
      return right.name.lexicographicallyPrecedes(left.name)
    }
  }

  private static func hash(_ name: [CChar]) -> Int {
    name.withUnsafeBytes { hash(UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
  }

  private static func hash(_ name: UnsafeRawBufferPointer, changed: Int64? = nil) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: name)
    if let changed { hasher.combine(changed) }
    return hasher.finalize()
  }
}
