import Glibc
import Sluice
import SluiceWorker
import Spool

/// Looks at one database's file, and at who has it open.
///
/// Opens the file, so never in a process that has SQLite on it: closing it would drop SQLite's locks.
struct DatabaseCheck {
  let database: Settings.Database
  let settings: Settings
  /// The worker's process, if it runs.
  let worker: Int32?
  /// Directories that were looked at: one finding for each is enough.
  var known: Set<String> = []

  private var path: String { database.path }

  mutating func findings() -> [Finding] {
    let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    var findings: [Finding] = []
    do throws(FileError) {
      let place = try Directory(path: directory.isEmpty ? "/" : directory)
      if known.insert(place.path).inserted { findings += PlaceCheck(directory: place).look() }
    } catch {
      return [
        .mend("database", path, "\(error)", advice: "make the directory, or set another path")
      ]
    }
    if access(directory, W_OK | X_OK) != 0 {
      findings.append(
        .mend(
          "database", directory, "this user may not write into the directory",
          advice: "give it access: SQLite keeps its log beside the database"))
    }
    findings.append(file())
    findings += replaced() + others()
    return findings
  }

  private func file() -> Finding {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return .note("database", path, "not there yet: the worker makes it") }
      return .mend(
        "database", path, "cannot be read: \(String(cString: strerror(errno)))",
        advice: "give this user and the worker's access")
    }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: 20)
    let count = read(descriptor, &head, head.count)
    if count == 0 { return .note("database", path, "empty: the worker fills it") }
    guard count == head.count, head.starts(with: "SQLite format 3\0".utf8) else {
      return .mend(
        "database", path, "no SQLite database", advice: "set another path, or move the file away")
    }
    if access(path, W_OK) != 0 {
      return .mend("database", path, "this user may not write it", advice: "give it access")
    }
    // The format's bytes for writing and reading: 2 is WAL.
    if head[18] == 2, head[19] == 2 { return .ok("database", path, "in WAL mode") }
    if worker == nil { return .note("database", path, "not in WAL mode: the worker puts it there") }
    return .mend(
      "database", path, "not in WAL mode although the worker runs",
      advice: "see which program sets another journal_mode, then restart the worker")
  }

  /// Whether the worker has another file open under the path than the one that is there.
  private func replaced() -> [Finding] {
    guard let worker, let real = resolved(path) else { return [] }
    var now = stat()
    guard stat(real, &now) == 0 else { return [] }
    for descriptor in OpenDescriptors(of: worker).all {
      guard descriptor.path == real || descriptor.path == real + " (deleted)" else { continue }
      if descriptor.device != now.st_dev || descriptor.inode != now.st_ino {
        return [
          .mend(
            "database", path,
            "replaced: process \(worker) still has the file that was there before",
            advice: "restart the worker, and stop it before a database is replaced")
        ]
      }
    }
    return []
  }

  private func others() -> [Finding] {
    LockHolder.all(onDatabase: path).filter { $0.pid != worker }.map { holder in
      let name = ForeignProcess(pid: holder.pid)?.description ?? "process \(holder.pid)"
      if holder.roles.isDisjoint(with: .blocksWriters) {
        return .note("other users", path, "\(name) has it open")
      }
      return .note(
        "other users", path, "\(name) holds the write lock",
        advice: "if it stays so, end that program's transaction: writes wait for it")
    }
  }

  private func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
