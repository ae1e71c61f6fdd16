import EventLoop
import Glibc
import Spool

/// Looks at what the file system under a directory can do for a spool or a database.
struct PlaceCheck {
  let directory: Directory
  /// What waits for what a file system does not tell; for messages.
  var settleSeconds = 2.0
  var rescanSeconds = 10.0

  /// Free bytes below which a worker may soon have to pause: the log of a database at its limit.
  static let freeMin: Int64 = 64 << 20
  /// No device makes its cache durable in less.
  private static let syncSecondsMin = 20e-6
  /// The clock of file systems ticks with the kernel's timer: 1 to 10 ms.
  private static let tickMax: Int64 = 20_000_000

  private var probe: FileSystemProbe { FileSystemProbe(directory) }

  /// The file system's kind and room: without a trace.
  func look() -> [Finding] {
    do throws(FileError) {
      return [try kind(), try room()]
    } catch { return [failed("file system", error)] }
  }

  /// What it can do: with scratch files, in a directory that is empty of others' or skips them.
  func test() -> [Finding] {
    var findings: [Finding] = []
    for (check, test) in [
      ("rename", rename), ("leases", leases), ("inotify", events), ("clock", clock),
      ("fsync", sync),
    ] as [(String, () throws(FileError) -> Finding)] {
      do throws(FileError) {
        findings.append(try test())
      } catch {
        findings.append(failed(check, error))
        // The others would fail for the same reason.
        if [EACCES, EROFS, ENOSPC, EDQUOT].contains(error.errno) { break }
      }
    }
    return findings
  }

  private func failed(_ check: String, _ error: FileError) -> Finding {
    var plain = error
    plain.hint = nil
    return .mend(
      check, directory.path, "\(plain)", advice: error.hint ?? "see that the directory can be used")
  }

  private func kind() throws(FileError) -> Finding {
    guard let mount = try probe.mount() else {
      return .note("file system", directory.path, "the kernel does not say what it is")
    }
    let text = "\(mount.type) on \(mount.source)"
    if mount.isRemote {
      return .mend(
        "file system", directory.path, "\(text): kept by another machine or program",
        advice: "put the databases on a local file system, as SQLite's locks need it; a spool can "
          + "stay: the rescan every \(Quantity.decimal(rescanSeconds)) s finds its jobs")
    }
    if mount.isVolatile {
      return .note(
        "file system", directory.path, "\(text): gone with the machine's power",
        advice: "put it on a disk if jobs must survive a reboot")
    }
    if let option = mount.options.first(where: { ["nobarrier", "barrier=0"].contains($0) }) {
      return .mend(
        "file system", directory.path, "\(text), mounted with \(option)",
        advice:
          "mount it without \(option): what is called durable would not survive a power failure")
    }
    return .ok("file system", directory.path, text)
  }

  private func room() throws(FileError) -> Finding {
    let space = try probe.space()
    let text = "\(Quantity.bytes(space.free)) free of \(Quantity.bytes(space.total))"
    if space.isReadOnly {
      return .mend(
        "disk", directory.path, "mounted read-only", advice: "mount it read-write, or use another")
    }
    if space.free < Self.freeMin {
      return .mend(
        "disk", directory.path, text,
        advice: "make room: on a full disk the worker pauses until there is some")
    }
    return .ok("disk", directory.path, text)
  }

  private func rename() throws(FileError) -> Finding {
    if try probe.renames() { return .ok("rename", directory.path, "replaces a file at once") }
    return .mend(
      "rename", directory.path, "does not put one file in the place of another",
      advice: "put the spool on another file system: jobs and results could be seen in part")
  }

  private func leases() throws(FileError) -> Finding {
    if try probe.hasLeases() {
      return .ok("leases", directory.path, "tell whether a file is still being written")
    }
    return .note(
      "leases", directory.path, "do not tell whether a file is still being written",
      advice: "let producers rename their files into incoming/; others are taken after a rest of "
        + "\(Quantity.decimal(settleSeconds)) s (settle)")
  }

  /// Watches the directory while a file is made in it.
  private func events() throws(FileError) -> Finding {
    let missing = "a job is seen at the next rescan, every \(Quantity.decimal(rescanSeconds)) s"
    do throws(LoopError) {
      let loop = try Loop()
      var isSeen = false
      let watch = try DirectoryWatch(
        on: loop, path: directory.path, onEvent: { _ in isSeen = true }, onError: { _ in })
      defer { watch.close() }
      let isDone = makeOneFile()
      for _ in 0..<10 where isDone && !isSeen { loop.runOnce(waitingUpTo: 100) }
      if isSeen { return .ok("inotify", directory.path, "tells at once of a new file") }
      return .note(
        "inotify", directory.path, "does not tell of a new file", advice: "\(missing) (rescan)")
    } catch {
      return .note(
        "inotify", directory.path, "\(error)",
        advice: "\(missing); raise fs.inotify.max_user_instances or max_user_watches if it is they")
    }
  }

  private func makeOneFile() -> Bool { (try? probe.renames()) ?? false }

  private func clock() throws(FileError) -> Finding {
    guard let step = try probe.clockGranularity() else {
      return .note(
        "clock", directory.path, "a file's time did not move for seconds",
        advice: "where an order counts, use a .jsonl, \"after\" or names that sort")
    }
    let text = "file times tell \(Quantity.duration(Double(step) / 1e9)) apart"
    if step <= Self.tickMax { return .ok("clock", directory.path, text) }
    return .note(
      "clock", directory.path, text,
      advice: "files of one tick go by name: where an order counts, use a .jsonl, \"after\" or "
        + "names that sort")
  }

  private func sync() throws(FileError) -> Finding {
    let seconds = try probe.syncSeconds()
    let text = "4 KiB are durable after \(Quantity.duration(seconds))"
    if try probe.mount()?.isVolatile == true {
      return .note("fsync", directory.path, "\(text): in memory only")
    }
    if seconds >= Self.syncSecondsMin { return .ok("fsync", directory.path, text) }
    return .note(
      "fsync", directory.path, "\(text): no device is so fast",
      advice: "something answers before the data is safe (a virtual disk's cache mode, "
        + "libeatmydata, an option of the mount): a power failure may take what was done")
  }
}
