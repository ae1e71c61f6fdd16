import Sluice
import Spool

/// Jobs that may not run yet, from the claim to the moment when they may, or are given up.
extension Worker {
  /// Decides what becomes of a job that was just read.
  /// - Returns: whether the engine is to have it now.
  func mayRun(_ ticket: JobTicket, alone: Bool, _ fate: JobFate) -> Bool {
    if let id = ticket.job.id { active.identify(ticket.sequence, as: id) }
    if waitsForDatabase(ticket) { return false }
    switch fate {
    case .open: waiting.notice(ticket)
    case .run: return true
    case .giveUp(let status, let error):
      waiting.notice(ticket)
      engines[ticket.job.database]?.giveUp(ticket, status, error)
      return false
    }
    if case .control(let request) = ticket.job.body {
      obey(request, ticket)
      return false
    }
    return !waiting.keep(ticket, alone: alone)
  }

  /// Takes up what the other threads have brought.
  func hearOfEnds() {
    for end in active.takeEnded() {
      waiting.ended(end)
      commandEnded(end)
    }
    waiting.takeAnswers()
  }

  /// Begins and gives up waiting jobs whose time has come, a few of them.
  func attendWaiting(_ now: MonotonicTime) {
    attendCommands(now)
    guard active.hasRoomToStart else { return }
    for action in waiting.tick(now: .now(), most: Self.startsPerTick) {
      switch action {
      case .start(_, let guest): read(guest, .run)
      case .giveUp(_, let guest, let cause): read(guest, JobFate(cause))
      case .stop(let sequence, let guest):
        engines[guest.database]?.end(Int64(sequence), as: .expired)
      }
    }
  }

  /// Jobs begun or given up between two looks at the event loop: some 1 ms.
  private static let startsPerTick = 32

  /// Reads a job that has waited, and lets it have its fate. One that cannot be read now is judged
  /// anew when it can.
  func read(_ guest: WaitingRoom.Guest, _ fate: JobFate) {
    switch claim.reopen(guest.name) {
    case .claimed(let job): admit(job, alone: guest.alone, fate)
    case .rejected(let name, let error): reject(name, error)
    case .gone, .waiting:
      log.say("\(guest.name.job.text) has vanished from active/")
      active.remove(Int64(guest.name.sequence), .failed)
    case .refused(let error), .unavailable(let error): postpone(guest.name, error)
    }
  }

  /// When `attendWaiting` has something to do if nothing else happens; nil for never.
  func nextOfWaiting(_ now: MonotonicTime) -> MonotonicTime? {
    var times = commands.deadlines
    if let time = waiting.nextDeadline {
      let wait = max(0, time.seconds(since: .now()))
      // Where there is no room, the publisher tells when there is.
      if active.hasRoomToStart { times.append(now.advanced(bySeconds: wait)) }
    }
    return times.min()
  }

  /// Whether something here is left that can be done before a deadline or a word from outside.
  var hasWaitingToDo: Bool {
    if !waiting.isSettled { return true }
    return waiting.nextDeadline.map { $0 <= .now() } ?? false
  }
}
