import Glibc
import Sluice
import SluiceWorker
import Spool

/// Looks at a spool's directories and at its worker.
struct SpoolCheck {
  let spool: SpoolLayout
  let settings: Settings
  let worker: Int32?

  func findings() throws -> [Finding] {
    permissions() + [try life(), openFiles()]
  }

  private func permissions() -> [Finding] {
    var findings: [Finding] = []
    do throws(SpoolError) {
      try spool.checkWritable()
    } catch {
      findings.append(
        .mend("permissions", spool.root.path, error.message, advice: error.hint ?? "give access"))
    }
    for lane in IncomingLane.allCases {
      var status = stat()
      let path = spool.incoming(lane).path
      guard stat(path, &status) == 0, status.st_mode & mode_t(S_IWOTH) != 0 else { continue }
      let isSticky = status.st_mode & mode_t(S_ISVTX) != 0
      if lane == .control {
        findings.append(
          .mend(
            "permissions", path, "every user may command the worker", advice: "chmod o-w \(path)"))
      } else if !isSticky {
        findings.append(
          .note(
            "permissions", path, "every user may drop jobs, and remove those of others",
            advice: "chmod +t \(path), or give it to a group"))
      }
    }
    return findings.isEmpty
      ? [.ok("permissions", spool.root.path, "this user can run a worker here")] : findings
  }

  private func life() throws -> Finding {
    let life = WorkerLife(try SpoolLock.holder(spool), try WorkerMetrics(of: spool))
    let text = life.text(for: .plain)
    if worker == nil {
      return .note("worker", spool.root.path, text, advice: "start it with: sluice run")
    }
    if life.isAlive { return .ok("worker", spool.root.path, text) }
    return .mend(
      "worker", spool.root.path, text,
      advice: "see what it waits for (sluice status), then stop and start it")
  }

  /// What a worker may need: each connection has the database, its log and the shared memory, and
  /// a job or two of its own.
  private var filesNeeded: Int {
    64 + settings.databases.count * (settings.poolSize + 4) * 5
  }

  private func openFiles() -> Finding {
    let pid = worker ?? getpid()
    guard let limit = OpenDescriptors.limit(of: pid) else {
      return .note("open files", "process \(pid)", "its limit cannot be seen by this user")
    }
    let text = "\(limit) allowed, up to \(filesNeeded) needed"
    if limit >= filesNeeded { return .ok("open files", "process \(pid)", text) }
    return .mend(
      "open files", "process \(pid)", text,
      advice: "raise the limit (ulimit -n, LimitNOFILE=), or lower pool_size")
  }
}
