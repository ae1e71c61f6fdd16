import Sluice
import Spool

/// The databases that could not be opened when the worker started, and the claimed jobs that wait for
/// them; belongs to the loop's thread.
struct LateDatabases {
  /// Seconds that the start waits for databases which others keep locked.
  static let startPatience = 1.0

  private(set) var openings: [DatabaseOpening] = []
  private var jobs: [String: [ClaimedName]] = [:]
  /// A database that is there could not be taken in; not tried before.
  var retryAt: MonotonicTime?

  var isEmpty: Bool { openings.isEmpty }
  var names: [String] { openings.map(\.database) }

  func contains(_ database: String) -> Bool { openings.contains { $0.database == database } }

  /// Whether one may be there soon: another process keeps it locked.
  var isAnyLocked: Bool {
    openings.contains { if case .waiting = $0.finding { true } else { false } }
  }

  /// Waits for databases to open.
  ///
  /// - Parameter needsAll: wait for every one, for as long as it takes.
  /// - Returns: the engines of those that are open; the others are late.
  /// - Throws: why none can be opened, or with `needsAll` why one cannot.
  mutating func await(
    _ openings: [DatabaseOpening], needsAll: Bool, log: WorkerLog
  ) throws(WorkerError) -> [Engine] {
    let deadline = MonotonicTime.now().advanced(bySeconds: Self.startPatience)
    var engines: [Engine] = []
    var failure: WorkerError?
    for opening in openings {
      switch opening.wait(until: needsAll ? nil : deadline) {
      case .ready(let engine): engines.append(engine)
      case .failed(let error):
        failure = failure ?? error
        self.openings.append(opening)
      case .waiting: self.openings.append(opening)
      }
    }
    if let failure, needsAll || (engines.isEmpty && !isAnyLocked) {
      for opening in self.openings { opening.stop() }
      for engine in engines { engine.stop() }
      throw failure
    }
    for opening in self.openings {
      var reason = "another process keeps it locked"
      if case .failed(let error) = opening.finding { reason = "\(error)" }
      log.say("the database \(opening.database) is not there yet, and its jobs wait: \(reason)")
    }
    return engines
  }

  mutating func park(_ job: ClaimedName, for database: String) {
    jobs[database, default: []].append(job)
  }

  /// Takes the database out that has become ready.
  mutating func takeReady() -> (opening: DatabaseOpening, engine: Engine)? {
    for (index, opening) in openings.enumerated() {
      guard case .ready(let engine) = opening.finding else { continue }
      openings.remove(at: index)
      return (opening, engine)
    }
    return nil
  }

  /// Puts it back: it could not be taken in.
  mutating func putBack(_ opening: DatabaseOpening, retryAt time: MonotonicTime) {
    openings.append(opening)
    retryAt = time
  }

  /// The jobs that waited for a database.
  mutating func takeJobs(of database: String) -> [ClaimedName] {
    jobs.removeValue(forKey: database) ?? []
  }
}

extension Worker {
  /// Opens a database, and starts its threads.
  static func open(
    _ configuration: EngineConfiguration, _ observer: RunRecorder, _ rows: StreamedFileStore,
    _ publisher: Publisher, _ log: WorkerLog
  ) throws(WorkerError) -> Engine {
    let name = configuration.name
    do throws(JobError) {
      return try Engine(
        configuration, observer: observer, rows: rows, report: { log.say($0) },
        deliver: { publisher.add($0, database: name) })
    } catch {
      var failure = WorkerError(
        "cannot use the database \(configuration.path): \(error.message) (\(error.code))",
        hint: error.code == "SQLITE_NOTADB"
          ? "give another path, or move that file away" : "see that its directory is writable")
      if error.code == "SQLITE_NOTADB" { failure.exitCode = 65 }
      throw failure
    }
  }

  /// Keeps a job whose database is not there yet.
  /// - Returns: whether it is kept.
  func waitsForDatabase(_ ticket: JobTicket) -> Bool {
    guard late.contains(ticket.job.database), let name = active.name(of: ticket) else {
      return false
    }
    if case .control(let request) = ticket.job.body, !request.needsDatabase { return false }
    waiting.notice(ticket)
    active.park(ticket.sequence)
    late.park(name, for: ticket.job.database)
    return true
  }

  /// Takes in the databases that can be worked on by now: puts in order what the worker before left
  /// there, and lets their jobs begin.
  func takeInLateDatabases(_ now: MonotonicTime) {
    if let time = late.retryAt, now < time { return }
    late.retryAt = nil
    while let (opening, engine) = late.takeReady() {
      do {
        let found = EngineTable()
        found.add(engine)
        let recovery = WorkerRecovery(layout, batches, end: previousEnd, log: log)
        let ended = try recovery.takeIn(found, results: ResultWriter(layout))
        opening.finish()
        tune(engine)
        engines.add(engine)
        waiting.askAgain()
        log.say("the database \(opening.database) is there now")
        for (sequence, status) in ended { active.remove(Int64(sequence), status) }
        let done = Set(ended.map(\.sequence))
        readmit(late.takeJobs(of: opening.database).filter { !done.contains($0.sequence) })
      } catch {
        log.say("cannot take in the database \(opening.database): \(error)")
        return late.putBack(opening, retryAt: now.advanced(bySeconds: LateDatabases.startPatience))
      }
    }
  }
}

extension ControlRequest {
  /// Whether it is the database's own work.
  fileprivate var needsDatabase: Bool {
    switch self {
    case .maintenance, .backup: true
    case .cancel, .pause, .resume, .retry, .reload, .shutdown: false
    }
  }
}
