import Sluice
import Spool

/// Whether a spool's worker lives: it holds the lock, and its heart beats.
struct WorkerLife {
  private enum State {
    case notRunning
    case starting
    case alive
    /// It holds the lock and says nothing any more.
    case silent
  }

  /// Seconds since the last heartbeat; nil where there is none.
  let age: Double?
  private let state: State
  private let holder: SpoolLock.Holder
  private let metrics: WorkerMetrics?

  init(_ holder: SpoolLock.Holder, _ metrics: WorkerMetrics?, now: Timestamp = .now()) {
    self.holder = holder
    self.metrics = metrics
    age = metrics?.age(at: now)
    switch holder {
    case .nobody: state = .notRunning
    case .worker(let pid):
      let isOwn = pid != nil && metrics?["pid"]?.integer == pid.map(Int64.init)
      if !isOwn {
        state = .starting
      } else {
        state = metrics?.isOverdue(at: now) == true ? .silent : .alive
      }
    }
  }

  /// Whether it runs and shows it.
  var isAlive: Bool {
    switch state {
    case .alive, .starting: true
    case .notRunning, .silent: false
    }
  }

  /// One line, for people.
  func text(for terminal: Terminal) -> String {
    var pid: String { if case .worker(let pid?) = holder { ", pid \(pid)" } else { "" } }
    let ago = age.map { ", last sign of life \(Quantity.duration($0)) ago" } ?? ""
    switch state {
    case .notRunning: return terminal.red("not running") + ago
    case .starting: return terminal.green("running") + pid + ", starting"
    case .silent: return terminal.red("hangs") + pid + ago
    case .alive:
      let word = metrics?["state"]?.string ?? "running"
      let uptime = metrics?["uptime_seconds"]?.number ?? 0
      return terminal.green(word) + pid + ", up \(Quantity.duration(uptime))" + ago
    }
  }
}
