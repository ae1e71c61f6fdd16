import Glibc
import Spool
import TestSupport

/// The tree of a crash state, made for real, so that a worker can be started on it.
///
/// Belongs to one test; gone when the object goes.
final class PowerLossTree {
  let path: String
  /// The spool within.
  let spool: String
  private let shim: String
  /// What tells it from other trees in this process.
  var fingerprint: Int { hasher.finalize() }
  private var hasher = Hasher()

  private static let previousBoot = "boot=00000000-0000-0000-0000-000000000000"

  /// - Parameter shim: the library that gives files back what they were known by.
  init(_ state: CrashState, of history: DiskHistory, shim: String) throws {
    self.shim = shim
    path = try RecordedRun.makeDirectory()
    spool = path + "/spool"
    hasher.combine(state.names.directories)
    for directory in state.names.directories.sorted() {
      let whole = directory.isEmpty ? spool : spool + "/" + directory
      guard mkdir(whole, 0o750) == 0 else { throw RecordedRun.Failure(errors: "mkdir \(whole)") }
    }
    for (name, target) in state.names.symlinks {
      guard symlink(target, spool + "/" + name) == 0 else {
        throw RecordedRun.Failure(errors: "cannot make \(name)")
      }
    }
    hasher.combine(state.names.symlinks)
    var identities = ""
    // In the order in which they were made, which their change times then have too.
    for (name, file) in state.names.files.sorted(by: { $0.value < $1.value }) {
      // SQLite's shared memory is no file's content, and the reserve is there for its blocks.
      if name.hasSuffix("-shm") || name.hasSuffix("-reserve") { continue }
      let content = state.content(ofFile: file)
      hasher.combine(name)
      content.withUnsafeBytes { hasher.combine(bytes: $0) }
      try make(name, content, history.files[file], &identities)
    }
    try Directory(path: path).create("identities").write(Array(identities.utf8))
  }

  deinit { TemporarySpool.remove(path) }

  private func make(
    _ name: String, _ content: [UInt8], _ file: DiskHistory.File, _ identities: inout String
  ) throws {
    let whole = spool + "/" + name
    let descriptor = open(whole, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw RecordedRun.Failure(errors: "cannot make \(whole)") }
    defer { close(descriptor) }
    let bytes = name == SpoolLayout.lockName ? Self.ofPreviousBoot(content) : content
    guard bytes.withUnsafeBytes({ write(descriptor, $0.baseAddress, $0.count) }) == bytes.count
    else { throw RecordedRun.Failure(errors: "cannot write \(whole)") }
    if let modified = file.modified {
      let time = timespec(
        tv_sec: Int(modified / 1_000_000_000), tv_nsec: Int(modified % 1_000_000_000))
      _ = withUnsafePointer(to: (time, time)) {
        $0.withMemoryRebound(to: timespec.self, capacity: 2) { futimens(descriptor, $0) }
      }
    }
    guard let identity = file.identity else { return }
    var status = stat()
    fstat(descriptor, &status)
    identities += "\(status.st_ino) \(identity.inode) \(identity.birth)\n"
  }

  /// What the lock file would say if it were from another boot of the machine.
  private static func ofPreviousBoot(_ content: [UInt8]) -> [UInt8] {
    let lines = String(decoding: content, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    let isWhole = lines.contains {
      $0.hasPrefix("boot=") && $0.utf8.count == previousBoot.utf8.count
    }
    if !isWhole { return content }
    return Array(
      lines.map { $0.hasPrefix("boot=") ? previousBoot : String($0) }.joined(separator: "\n").utf8)
  }

  /// Starts the worker on it, until nothing is left to do.
  func recover(with worker: String) throws -> WorkerProcess.Run {
    var errors = ""
    if access(spool + "/incoming/control", F_OK) != 0 || access(spool + "/monitor", F_OK) != 0 {
      // The power failed while it was being made.
      let child = try ChildProcess(worker, ["init", spool])
      _ = child.wait(within: 60)
      errors = child.errors
    }
    let child = try ChildProcess(
      worker,
      [
        "run", "--once", "--spool", spool, "--database",
        spool + "/main.db",
      ], environment: ["LD_PRELOAD": shim, "POWER_IDENTITIES": path + "/identities"])
    let end = child.wait(within: 30)
    return WorkerProcess.Run(end: end, errors: errors + child.errors)
  }

  /// Starts the worker on it, and lets the power fail at one of the first names that it changes: what
  /// it had written into `results/` and not synced is lost.
  /// - Parameter change: how many changes of names a thread is let begin.
  /// - Returns: whether the power failed before the worker had ended.
  func cutRecovery(with worker: String, atChange change: Int) throws -> Bool {
    let before = Set(inodes(of: "results").values)
    let child = try ChildProcess(
      "strace",
      [
        "-f", "-y", "-o", path + "/cut", "-e", "trace=renameat,unlinkat,syncfs,fsync,fdatasync",
        "-e", "inject=renameat,unlinkat:signal=KILL:when=\(change)+",
        "-E", "LD_PRELOAD=" + shim, "-E", "POWER_IDENTITIES=" + path + "/identities",
        worker, "run", "--once", "--spool", spool, "--database", spool + "/main.db",
      ])
    guard child.wait(within: 30) == .killed(by: SIGKILL) else { return false }
    let trace = String(
      decoding: try Directory(path: path).contents("cut") ?? [], as: UTF8.self)
    let isSynced = trace.split(separator: "\n").contains {
      $0.contains("sync") && $0.contains("/results")
    }
    if !isSynced {
      for (name, inode) in inodes(of: "results") where !before.contains(inode) {
        _ = truncate(spool + "/results/" + name, 0)
      }
    }
    let root = try Directory(path: spool)
    if let lock = try root.contents(SpoolLayout.lockName) {
      try root.openForUpdate(SpoolLayout.lockName).write(Self.ofPreviousBoot(lock), at: 0)
    }
    return true
  }

  private func inodes(of directory: String) -> [String: ino_t] {
    guard let names = try? RecordedRun.tree(spool + "/" + directory).keys else { return [:] }
    var inodes: [String: ino_t] = [:]
    for name in names {
      var status = stat()
      if stat(spool + "/" + directory + "/" + name, &status) == 0 { inodes[name] = status.st_ino }
    }
    return inodes
  }

  /// Compiles the library that gives files back what they were known by.
  static func makeShim(in directory: String) throws -> String {
    let path = directory + "/identity_shim.so"
    let compiler = try ChildProcess(
      "clang",
      ["-O2", "-shared", "-fPIC", "-o", path, RecordedRun.source("identity_shim.c"), "-ldl"])
    guard compiler.wait() == .exited(0) else { throw RecordedRun.Failure(errors: compiler.errors) }
    return path
  }
}
