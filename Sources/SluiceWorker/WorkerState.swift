import Sluice

/// Where the worker is in its life; a pure value.
struct WorkerState {
  private enum Phase {
    case running
    /// Nothing is claimed any more; what was claimed may end until then.
    case draining(until: MonotonicTime)
    /// Asked a second time: what runs is undone and runs again at the next start.
    case hurrying
  }

  private var phase = Phase.running

  var isStopping: Bool {
    if case .running = phase { return false }
    return true
  }

  /// When waiting for claimed jobs ends.
  var deadline: MonotonicTime? {
    if case .draining(let until) = phase { return until }
    return nil
  }

  /// - Returns: what to tell the operator.
  mutating func stopAsked(at now: MonotonicTime, grace: Double) -> String {
    switch phase {
    case .running:
      phase = .draining(until: now.advanced(bySeconds: grace))
      return "stopping: claimed jobs may end within \(Int(grace)) s; ask again to stop at once"
    case .draining, .hurrying:
      phase = .hurrying
      return "stopping at once"
    }
  }

  func isOver(unfinished: Int, now: MonotonicTime) -> Bool {
    switch phase {
    case .running: false
    case .draining(let until): unfinished == 0 || now >= until
    case .hurrying: true
    }
  }
}
