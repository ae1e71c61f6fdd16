import Glibc
import JSON
import Sluice
import Spool

/// Obeys the jobs of `incoming/control/`, each of which ends in a result.
extension Worker {
  func obey(_ request: ControlRequest, _ ticket: JobTicket) {
    switch request {
    case .cancel(let job): cancel(job, ticket)
    case .pause(let scope): change(ticket) { $0.pause(scope) }
    case .resume(let scope): change(ticket) { $0.resume(scope) }
    case .retry(let job): answer(ticket, RetryCommand(layout).run(job))
    case .maintenance(let work, let database):
      giveToEngine(ticket)
      engines[database]?.maintain(work, for: ticket)
    case .backup(let database, let file):
      giveToEngine(ticket)
      let copy = BackupFile(layout, name: file)
      engines[database]?.backup(for: ticket, to: copy.scratchPath) { pages throws(JobError) in
        try copy.publish(pages: pages)
      }
    case .reload: act(.reload, ticket)
    case .shutdown: act(.shutdown, ticket)
    }
  }

  private func giveToEngine(_ ticket: JobTicket) {
    commands.engineWork.insert(ticket.sequence)
    active.watch(ticket.sequence)
  }

  /// What a command came to.
  enum Answer {
    /// With what it did, in JSON.
    case done(String, [UInt8])
    case failed(JobError)
    case cancelled(JobError)
  }

  private func answer(_ ticket: JobTicket, _ answer: Answer) {
    var document: ResultDocument
    switch answer {
    case .done(let name, let json):
      document = ResultDocument(of: ticket, status: .done, finished: .now())
      document.details = (name, json)
    case .failed(let error):
      document = ResultDocument(of: ticket, status: .failed, finished: .now())
      document.error = error
    case .cancelled(let error):
      document = ResultDocument(of: ticket, status: .cancelled, finished: .now())
      document.error = error
    }
    publisher.add(
      [
        Outcome(
          ticket: ticket, status: document.status, durability: .resultFile,
          result: document.rendered())
      ], database: ticket.job.database)
  }

  // MARK: The worker itself

  /// The result comes first: after it the worker may not be there to write one.
  private func act(_ act: PendingCommands.Act, _ ticket: JobTicket) {
    let word = act == .reload ? "reload" : "shutdown"
    guard ticket.arrived >= started else {
      return answer(
        ticket,
        .cancelled(
          JobError(
            .request, SluiceCode.cancelled,
            "the command is from before this worker's start, and was not obeyed",
            hint: "drop it again if it is still meant")))
    }
    commands.acts[ticket.sequence] = act
    active.watch(ticket.sequence)
    answer(ticket, .done(word, Self.object([])))
  }

  private func perform(_ act: PendingCommands.Act) {
    switch act {
    case .reload: reloadSettings()
    case .shutdown: log.say(state.stopAsked(at: .now(), grace: Self.drainSeconds))
    }
  }

  static func object(_ fields: [(String, String)]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for (name, value) in fields { writer.field(name, value) }
    writer.endObject()
    return writer.bytes
  }

  // MARK: Pauses

  private func change(_ ticket: JobTicket, _ change: (inout PauseSet) -> Void) {
    do throws(FileError) {
      try waiting.change(change)
    } catch {
      return answer(
        ticket,
        .failed(
          JobError(.storage, "SQLITE_IOERR", "the pause cannot be kept: \(error)", number: 10)))
    }
    takeBackPaused()
    var writer = JSONWriter()
    writer.beginArray()
    for word in waiting.pauses.words { writer.string(word) }
    writer.endArray()
    answer(ticket, .done("paused", writer.bytes))
  }

  /// What waits in the engines and is paused now waits outside them: it must not fill the room of
  /// what may run.
  private func takeBackPaused() {
    submit()
    let pauses = waiting.pauses
    if pauses.isEmpty { return }
    for engine in engines.all {
      let held = engine.withdraw { pauses.holds(database: $0.job.database, $0.priority) }
      for ticket in held {
        waiting.takeBack(ticket, alone: suspects.isSuspect(UInt64(ticket.sequence)))
      }
    }
  }

  // MARK: Cancelling

  private func cancel(_ job: String, _ ticket: JobTicket) {
    if cancelNow(job, ticket) { return }
    // What was dropped before the command may be claimed after it.
    for scanner in scanners { scanner.request() }
    commands.searches.append(
      .init(ticket: ticket, job: job, until: .now().advanced(bySeconds: Self.searchSeconds)))
  }

  private static let searchSeconds = 2.0

  /// - Returns: false where no such job is found.
  private func cancelNow(_ job: String, _ ticket: JobTicket) -> Bool {
    let engineWork = commands.engineWork
    let found = active.find(job) { entry in
      entry.name.lane != .control || engineWork.contains(Int64(entry.name.sequence))
    }
    guard let sequence = found else { return cancelIncoming(job, ticket) }
    commands.cancels[sequence, default: []].append(ticket)
    active.watch(sequence)
    stop(sequence)
    return true
  }

  private func stop(_ sequence: Int64) {
    submit()
    if waiting.isWaiting(sequence), let guest = waiting.remove(sequence) {
      return read(guest, .giveUp(.cancelled, .cancelled))
    }
    for engine in engines.all { engine.end(sequence, as: .cancelled) }
  }

  /// Claims a job that was not claimed yet, so as to cancel it.
  private func cancelIncoming(_ job: String, _ ticket: JobTicket) -> Bool {
    guard let name = JobName(job), name.kind != .foreign else { return false }
    for lane in IncomingLane.allCases where lane != .control {
      guard let status = try? layout.incoming(lane).status(job), status.kind == .regular
      else { continue }
      let now = Timestamp.now()
      let arrival = min(now, Timestamp(nanoseconds: status.changed))
      let entry = ScanEntry(job, lane: lane, arrival: arrival)
      guard case .claimed(let claimed) = claim.claim(entry, now: now, clock: .now())
      else { continue }
      let sequence = Int64(claimed.name.sequence)
      active.add(claimed.name, bytes: 0)
      commands.cancels[sequence, default: []].append(ticket)
      active.watch(sequence)
      admit(claimed, .giveUp(.cancelled, .cancelled))
      return true
    }
    return false
  }

  /// Looks after the commands that have no result yet.
  func attendCommands(_ now: MonotonicTime) {
    if !commands.cancels.isEmpty, now >= commands.tellAgain {
      commands.tellAgain = now.advanced(bySeconds: PendingCommands.tellInterval)
      for sequence in commands.cancels.keys { stop(sequence) }
    }
    if commands.searches.isEmpty { return }
    let searches = commands.searches
    commands.searches.removeAll()
    let isAllClaimed = scanners.allSatisfy { $0.isExhausted || active.room($0.lane) == 0 }
    for search in searches where !cancelNow(search.job, search.ticket) {
      if isAllClaimed || now >= search.until {
        answer(search.ticket, .failed(.notFound(search.job, "is neither queued nor running")))
      } else {
        commands.searches.append(search)
      }
    }
  }

  /// A job that a command waits for, or a command itself, has ended.
  func commandEnded(_ end: ActiveJobs.End) {
    commands.engineWork.remove(end.sequence)
    if let act = commands.acts.removeValue(forKey: end.sequence), end.status == .done {
      perform(act)
    }
    for ticket in commands.cancels.removeValue(forKey: end.sequence) ?? [] {
      guard case .control(.cancel(let job)) = ticket.job.body else { continue }
      if end.status == .cancelled {
        answer(ticket, .done("cancel", Self.object([("job", job)])))
      } else {
        answer(
          ticket,
          .failed(.notFound(job, "ended as \(end.status.name) before it could be cancelled")))
      }
    }
  }
}

extension JobError {
  static func notFound(_ job: String, _ what: String) -> JobError {
    JobError(
      .request, SluiceCode.notFound, "\"\(job)\" \(what)", pointer: "/job",
      hint: "see what there is with: sluice list --all")
  }
}
