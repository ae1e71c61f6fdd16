import CSystem
import Glibc
import Sluice

/// Takes one file out of `incoming/` into `active/`, if it is a job's and nobody writes it any more.
///
/// Holds a read lease from the check to the end of the read, so that no writer slips in between. The
/// process must ignore SIGIO, which the kernel sends when a writer waits for that lease (its default
/// action ends the process). Belongs to one thread.
public struct JobClaim {
  private let layout: SpoolLayout
  /// May be changed between two claims.
  public var rules: ClaimRules
  private let knowsLeases: Bool
  public private(set) var sequences: SequenceSource

  /// Without a usable lease, a file that changed this long ago rests already, when first seen: more
  /// than `settle`, since a file server's clock may differ from this machine's.
  private static let longAgo = 30.0

  public init(_ layout: SpoolLayout, rules: ClaimRules = ClaimRules(), sequences: SequenceSource) {
    self.layout = layout
    self.rules = rules
    self.sequences = sequences
    knowsLeases = layout.incoming(.root).knowsLeases
  }

  /// Claims one file. `now` gives the job its number; `clock` measures how long it was waited for.
  ///
  /// Steps: look (never opening what is no plain file), open, lease, rename, read through the same
  /// descriptor. What a user's file can cause is an outcome, whatever it is.
  public mutating func claim(
    _ entry: ScanEntry, now: Timestamp, clock: MonotonicTime
  ) -> ClaimOutcome {
    let directory = layout.incoming(entry.lane)
    let job: JobName
    switch Self.meaning(of: entry) {
    case .ignored: return .gone
    case .job(let name), .foreign(let name): job = name
    }
    var raw = sluice_statx()
    let looked = directory.tryStatus(entry.name, &raw)
    guard looked.succeeded else { return failure(.status, entry, looked.errno) }
    let status = FileStatus(raw)
    if status.kind == .directory { return .gone }
    if job.kind == .foreign {
      return moveUnopened(entry, job, .badName(entry.text), now: now)
    }
    if status.kind == .other {
      return moveUnopened(entry, job, .notRegular, now: now)
    }
    if status.links > 1 {
      let hold = hold(entry, .linked, status, clock)
      if clock.seconds(since: hold.since) >= rules.linkPatience {
        return moveUnopened(entry, job, .linked, now: now)
      }
      return .waiting(hold, until: poll(hold, clock))
    }
    let opened = directory.tryOpen(entry.name)
    if opened.errno == EAGAIN { return stillWritten(entry, status, clock) }
    guard opened.succeeded else { return failure(.open, entry, opened.errno) }
    let file = directory.file(Int32(opened.raw), entry.name)
    if let waiting = whileWritten(file, entry, status, now, clock) { return waiting }
    return take(entry, file, job, now: now, clock: clock)
  }

  /// Reads a file that was claimed before, after a restart or a failing disk. It is not moved.
  public func reopen(_ name: ClaimedName) -> ClaimOutcome {
    let text = name.text
    if name.job.kind == .foreign { return .rejected(name, .badName(name.job.text)) }
    do throws(FileError) {
      guard let status = try layout.active.status(text) else { return .gone }
      guard status.kind == .regular else { return .rejected(name, .notRegular) }
      if status.links > 1 { return .rejected(name, .linked) }
      let file = try layout.active.open(text)
      return read(file, name, try file.status())
    } catch {
      return error.isStorage ? .unavailable(error) : .refused(error)
    }
  }

  // MARK: Steps

  private static func meaning(of entry: ScanEntry) -> JobName.Meaning {
    entry.name.withUnsafeBytes {
      JobName.meaning(of: UnsafeRawBufferPointer(rebasing: $0.dropLast()))
    }
  }

  /// The outcome that keeps the file waiting; nil once nobody writes it.
  private func whileWritten(
    _ file: borrowing OpenFile, _ entry: ScanEntry, _ status: FileStatus, _ now: Timestamp,
    _ clock: MonotonicTime
  ) -> ClaimOutcome? {
    if knowsLeases {
      let lease = file.tryReadLease()
      if lease.succeeded { return nil }
      if lease.errno == EAGAIN { return stillWritten(entry, status, clock) }
    }
    // Another user's file, or a file system without leases.
    let age = now.seconds(since: Timestamp(nanoseconds: status.changed))
    if entry.hold == nil, age >= max(rules.settle, Self.longAgo) { return nil }
    let hold = hold(entry, .resting, status, clock)
    if clock.seconds(since: hold.since) >= rules.settle { return nil }
    return .waiting(hold, until: hold.since.advanced(bySeconds: rules.settle))
  }

  private func stillWritten(
    _ entry: ScanEntry, _ status: FileStatus, _ clock: MonotonicTime
  ) -> ClaimOutcome {
    let hold = hold(entry, .writing, status, clock)
    return .waiting(hold, until: poll(hold, clock))
  }

  /// Renames the file to `active/` and reads what arrived there.
  private mutating func take(
    _ entry: ScanEntry, _ file: borrowing OpenFile, _ job: JobName, now: Timestamp,
    clock: MonotonicTime
  ) -> ClaimOutcome {
    let name = nextName(entry, job, now)
    let text = name.text
    if let failed = move(entry, to: text) { return failed }
    var here = sluice_statx()
    var there = sluice_statx()
    let lookedHere = file.tryStatus(&here)
    let lookedThere = layout.active.tryStatus(text, &there)
    guard lookedHere.succeeded, lookedThere.succeeded else { return reopen(name) }
    let status = FileStatus(here)
    guard status.isSameFile(as: FileStatus(there)) else {
      // A producer renamed another file over it after the look: that one was never checked. Put it
      // back, unless yet another stands there now; then it is read as it is.
      let back = layout.active.tryRenameNew(text, to: layout.incoming(entry.lane), entry.name)
      guard back.succeeded else { return reopen(name) }
      let hold = hold(entry, .writing, status, clock)
      return .waiting(hold, until: poll(hold, clock))
    }
    return read(file, name, status)
  }

  private func read(
    _ file: borrowing OpenFile, _ name: ClaimedName, _ status: FileStatus
  ) -> ClaimOutcome {
    if let error = sizeError(name.job.kind, status.size) { return .rejected(name, error) }
    var identity = FileIdentity(
      device: status.device, inode: status.inode, birth: status.birth, modified: status.modified,
      size: status.size, hash: 0)
    let isWhole = name.job.kind == .json || status.size <= rules.wholeBytesMax
    guard isWhole, name.job.kind != .jsonl else {
      return .claimed(ClaimedJob(name: name, identity: identity, content: .streamed))
    }
    do throws(FileError) {
      let bytes = try file.readAll(expected: Int(status.size))
      if let error = sizeError(name.job.kind, Int64(bytes.count)) { return .rejected(name, error) }
      identity.hash = bytes.withUnsafeBytes { ContentHash.of($0) }
      return .claimed(ClaimedJob(name: name, identity: identity, content: .whole(bytes)))
    } catch {
      return .claimed(ClaimedJob(name: name, identity: identity, content: .unread(error)))
    }
  }

  private func sizeError(_ kind: JobName.Kind, _ size: Int64) -> JobError? {
    if size == 0 { return .emptyFile(kind) }
    switch kind {
    case .json: return size > rules.jsonBytesMax ? .fileTooLarge(size, rules.jsonBytesMax) : nil
    case .sql: return size > rules.sqlBytesMax ? .fileTooLarge(size, rules.sqlBytesMax) : nil
    case .jsonl, .foreign: return nil
    }
  }

  /// Takes away what must not be opened.
  private mutating func moveUnopened(
    _ entry: ScanEntry, _ job: JobName, _ error: JobError, now: Timestamp
  ) -> ClaimOutcome {
    let name = nextName(entry, job, now)
    return move(entry, to: name.text) ?? .rejected(name, error)
  }

  private mutating func nextName(_ entry: ScanEntry, _ job: JobName, _ now: Timestamp)
    -> ClaimedName
  {
    ClaimedName(
      sequence: sequences.next(now: now), arrival: entry.arrival, lane: entry.lane, job: job)
  }

  /// Renames into `active/`; nil once it is there.
  private func move(_ entry: ScanEntry, to name: String) -> ClaimOutcome? {
    let moved = layout.incoming(entry.lane).tryRename(entry.name, to: layout.active, name)
    guard moved.succeeded else { return failure(.rename, entry, moved.errno) }
    Seam.reached(.claimed)
    return nil
  }

  /// What a failed call means for a file that a user put there.
  private func failure(
    _ operation: FileOperation, _ entry: ScanEntry, _ errno: Int32
  ) -> ClaimOutcome {
    switch errno {
    // Taken back, or replaced between two calls by what cannot be opened: its coming is an event.
    case ENOENT, ELOOP, ENXIO, EISDIR: return .gone
    default:
      let path = layout.incoming(entry.lane).pathOf(entry.name)
      let error = FileError(operation, path: path, errno: errno)
      return error.isStorage ? .unavailable(error) : .refused(error)
    }
  }

  // MARK: Waiting

  /// The hold for this attempt: that of the last one, going on as long as nothing moves.
  private func hold(
    _ entry: ScanEntry, _ reason: ClaimHold.Reason, _ status: FileStatus, _ clock: MonotonicTime
  ) -> ClaimHold {
    if var hold = entry.hold, hold.reason == reason {
      hold.attempts += 1
      let isSame =
        hold.size == status.size && hold.changed == status.changed
        && hold.modified == status.modified
      if reason != .resting || isSame { return hold }
    }
    return ClaimHold(
      reason: reason, attempts: 1, since: clock, size: status.size, changed: status.changed,
      modified: status.modified)
  }

  /// Nothing tells when a file is closed or a link removed, so it is looked at after 1, 2, 4 … 256 ms
  /// and every 256 ms from then on: a look costs 5 µs.
  private func poll(_ hold: ClaimHold, _ clock: MonotonicTime) -> MonotonicTime {
    let milliseconds = 1 << min(8, hold.attempts - 1)
    return clock.advanced(bySeconds: Double(milliseconds) / 1000)
  }
}

extension JobError {
  static func badName(_ name: String) -> JobError {
    JobError(
      .request, SluiceCode.badName, "\"\(name)\" is no name of a job",
      hint: "use letters, digits and . _ - (at most 200 bytes), ending in .json, .jsonl or .sql")
  }

  static let notRegular = JobError(
    .request, SluiceCode.badFile, "not a regular file (a symlink, FIFO, socket or device)",
    hint: "drop the file itself")

  static let linked = JobError(
    .request, SluiceCode.badFile, "the file has a second link, under which it could be changed",
    hint: "rename the file into incoming/, or unlink the other name at once")

  static func emptyFile(_ kind: JobName.Kind) -> JobError {
    JobError(
      .request, kind == .json ? SluiceCode.badJSON : SluiceCode.badFile, "the file is empty",
      hint: "write under tmp/ and rename into incoming/")
  }

  static func fileTooLarge(_ size: Int64, _ limit: Int64) -> JobError {
    JobError(
      .request, SluiceCode.tooLarge, "the file has \(size) bytes, and \(limit) are allowed",
      hint: "split it, or use a .jsonl, which has no limit")
  }
}
