import SQLite

/// One thread for commands that take long and that nobody waits for, one after the other. Any method
/// may be called from any thread.
final class LongCommands: Sendable {
  /// What a command says while it runs: what stops it, then nil.
  typealias Interrupts = (Interrupt?) -> Void

  private struct Command: Sendable {
    let ticket: JobTicket
    let run: @Sendable (Interrupts) -> Void
  }

  private struct State: Sendable {
    var queue: [Command] = []
    var running: (sequence: Int64, interrupt: Interrupt)?
    var thread: OwnedThread?
    var isStopping = false
  }

  private let state = Monitor(State())

  /// - Throws: when the system gives no thread: a command would wait for ever.
  init(name: String) throws(ThreadError) {
    let thread = try OwnedThread(name: name) { [self] in work() }
    state.withLock { $0.thread = thread }
  }

  /// - Parameter run: called on the thread; forgotten where the engine stops before.
  func add(_ ticket: JobTicket, run: @escaping @Sendable (Interrupts) -> Void) {
    state.withLock { state in
      if state.isStopping { return }
      state.queue.append(Command(ticket: ticket, run: run))
    }
    state.signal()
  }

  func withdraw(sequence: Int64) -> JobTicket? {
    state.withLock { state in
      guard let index = state.queue.firstIndex(where: { $0.ticket.sequence == sequence })
      else { return nil }
      return state.queue.remove(at: index).ticket
    }
  }

  func interrupt(sequence: Int64, _ reason: Interrupt.Reason) {
    state.withLock { state in
      guard let running = state.running, running.sequence == sequence else { return }
      running.interrupt.stop(reason)
    }
  }

  /// Stops what runs, forgets what waits, and ends the thread.
  func stop() {
    let thread = state.withLock { state in
      state.isStopping = true
      state.queue.removeAll()
      state.running?.interrupt.stop(.stopping)
      return state.thread
    }
    state.signal()
    thread?.join()
  }

  private func work() {
    while let command = next() {
      let sequence = command.ticket.sequence
      command.run { interrupt in
        state.withLock { state in
          state.running = interrupt.map { (sequence, $0) }
          if state.isStopping { interrupt?.stop(.stopping) }
        }
      }
    }
  }

  private enum Next {
    case command(Command)
    case end
  }

  private func next() -> Command? {
    let next = state.wait { state -> Next? in
      if state.isStopping { return .end }
      if state.queue.isEmpty { return nil }
      return .command(state.queue.removeFirst())
    }
    guard case .command(let command) = next else { return nil }
    return command
  }
}
