import EventLoop
import Glibc
import SQLite
import Sluice
import Spool

/// Joins the loop, the spool and the engines: claims files, hands jobs on, and ends in order.
///
/// Belongs to the thread that made it, which becomes the loop's.
final class Worker {
  /// Files claimed between two looks at the event loop: some 1 ms.
  private static let claimsPerTick = 32
  /// Directory entries examined between two looks.
  private static let entriesPerTick = 500
  /// The directories in the order in which they are looked at.
  private static let lanes: [IncomingLane] = [
    .control, .urgent, .high, .root, .normal, .low, .bulk,
  ]
  /// Seconds that an orderly stop waits for claimed jobs; what is left runs at the next start.
  static let drainSeconds = 10.0

  var settings: WorkerSettings
  var reload: SettingsReload
  let log: WorkerLog
  let layout: SpoolLayout
  private let lock: SpoolLock
  private let loop: Loop
  private let wakeup: Wakeup
  let active: ActiveJobs
  let engines = EngineTable()
  private let counts = OutcomeCounts()
  let publisher: Publisher
  private let settler: Settler
  let monitor: WorkerMonitor
  let maintenance: WorkerMaintenance
  var intake: JobIntake
  var claim: JobClaim
  var scanners: [SpoolScanner] = []
  private var watches: [DirectoryWatch] = []
  private var threads: [OwnedThread] = []
  var state = WorkerState()
  private var rescanAt = MonotonicTime.now()
  /// The machine is at fault; nothing is claimed until then.
  private var restUntil: MonotonicTime?
  private var restPatience = 0.05
  private var pending: [String: [JobTicket]] = [:]
  /// Claimed jobs whose files could not be read yet.
  private var unread: [ClaimedName] = []
  let suspects: SuspectRegister
  /// By the clock of file systems, which gives arrivals: what arrived before was not meant for this
  /// worker.
  let started: Timestamp
  let lookup: DependencyLookup
  let waiting: WaitingRoom
  var commands = PendingCommands()
  let batches: BatchPublication
  var late = LateDatabases()

  /// Takes the spool, opens the databases and puts in order what the worker before left.
  /// - Throws: a `WorkerError` where it cannot work here.
  init(_ settings: WorkerSettings, reload: SettingsReload, log: WorkerLog) throws {
    self.settings = settings
    self.reload = reload
    self.log = log
    umask(settings.umask)
    SQLMemory.bound(settings.sqlMemoryBytes)
    layout = try SpoolLayout(path: settings.spool, missing: .makeParts)
    try layout.checkWritable()
    lock = try SpoolLock.acquire(layout)
    started = .coarse()
    loop = try Loop()
    wakeup = try Wakeup(on: loop) {}
    let trigger = wakeup.trigger
    active = ActiveJobs { trigger.wake() }
    let results = ResultWriter(layout)
    let hasRows = try results.removeScratch()
    let rows = StreamedFileStore(layout) { log.say($0) }
    let decoder = JobDecoder(limits: settings.limits)
    let batches = BatchPublication(layout, results, decoder)
    self.batches = batches
    let settler = Settler(results, layout, engines: engines, log: log)
    self.settler = settler
    publisher = Publisher(
      results, batches: batches, active: active, settler: settler, engines: engines,
      counts: counts, mayHaveRows: hasRows, log: log)
    intake = JobIntake(
      decoder, layout, databases: Set(settings.databases.map(\.name)))
    let lookup = DependencyLookup(
      engines, layout, retention: settings.ledgerRetention, log: log
    ) { trigger.wake() }
    self.lookup = lookup
    waiting = try WaitingRoom(
      layout, active: active, lookup: lookup, afterTimeout: settings.afterTimeout)
    let recovery = WorkerRecovery(layout, batches, end: lock.previousEnd, log: log)
    suspects = SuspectRegister(layout)
    let identity = try SpoolIdentity.ofSpool(layout)
    var openings: [DatabaseOpening] = []
    for database in settings.databases {
      let configuration = settings.configuration(of: database, identity, layout)
      let record = try recovery.inFlightRecord(of: database.name)
      let observer = RunRecorder(record: record, suspects: suspects)
      let publisher = publisher
      openings.append(
        try DatabaseOpening(database.name, wake: { trigger.wake() }) { () throws(WorkerError) in
          try Self.open(configuration, observer, rows, publisher, log)
        })
    }
    // Whether a file that a power failure brought back is a job that has run, only its database
    // knows.
    let needsAll = [.doubtful, .rebooted].contains(lock.previousEnd)
    for engine in try late.await(openings, needsAll: needsAll, log: log) { engines.add(engine) }
    let start = try recovery.run(engines: engines, results: results)
    try lock.markRecovered()
    suspects.begin(start.suspects)
    claim = JobClaim(
      layout, rules: settings.claimRules, sequences: SequenceSource(floor: start.highestSequence))
    let publisher = publisher
    threads.append(try OwnedThread(name: "publisher") { publisher.run() })
    threads.append(try OwnedThread(name: "settler") { settler.run { publisher.settlingFailed() } })
    threads.append(try OwnedThread(name: "lookup") { lookup.run() })
    monitor = try WorkerMonitor(
      settings.monitor,
      .init(
        layout: layout, engines: engines, active: active, counts: counts,
        unpublished: { publisher.backlog }), log: log)
    let monitor = monitor
    maintenance = try WorkerMaintenance(
      settings, layout, engines: engines, log: log, wake: { trigger.wake() },
      tell: { monitor.tell($0) })
    monitor.started(after: lock.previousEnd, again: start.runAgain.count)
    try watch()
    // All first, since they may wait for each other.
    for name in start.runAgain { active.add(name, bytes: 0) }
    readmit(start.runAgain)
  }

  private func watch() throws {
    for lane in Self.lanes {
      let scanner = try SpoolScanner(layout.incoming(lane), lane: lane)
      scanners.append(scanner)
      do throws(LoopError) {
        watches.append(
          try DirectoryWatch(
            on: loop, path: layout.incoming(lane).path, onEvent: { scanner.notice(event: $0) },
            onError: { [log] in log.say("no more events for \(lane.path): \($0); rescanning") }))
      } catch {
        log.say("no events for \(lane.path): \(error); it is looked at every \(settings.rescan) s")
      }
    }
  }

  // MARK: The loop

  /// Works until it is told to stop.
  /// - Returns: the exit code.
  func run() throws -> Int32 {
    signal(SIGIO, SIG_IGN)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    let stops = try [SIGTERM, SIGINT].map { number in
      try SignalWatch(on: loop, signal: number) { [unowned self] _ in
        log.say(state.stopAsked(at: .now(), grace: Self.drainSeconds))
      }
    }
    let reload = try SignalWatch(on: loop, signal: SIGHUP) { [unowned self] _ in
      reloadSettings()
    }
    defer {
      for stop in stops { stop.close() }
      reload.close()
    }
    log.say("working on \(settings.spool)")
    while true {
      let now = MonotonicTime.now()
      let next = tick(now)
      // Behind the tick, since what that has found is news.
      let deadline = next.orEarlier(
        monitor.beat(now, scanners, waiting, late, isStopping: state.isStopping))
      if state.isOver(unfinished: active.busyCount, now: .now()) { break }
      if settings.once, deadline != .now, isIdle || isSetAside { break }
      switch deadline {
      case .now: loop.runNoWait()
      case .at(let time):
        let wait = time.seconds(since: .now())
        loop.runOnce(waitingUpTo: max(0, Int((wait * 1000).rounded(.up))))
      }
    }
    return try end()
  }

  private enum NextTick: Equatable {
    case now
    case at(MonotonicTime)

    func orEarlier(_ other: MonotonicTime) -> NextTick {
      if case .at(let time) = self { .at(min(time, other)) } else { self }
    }
  }

  /// Does what is due, within bounds.
  /// - Returns: when there is more to do.
  private func tick(_ now: MonotonicTime) -> NextTick {
    if now >= rescanAt {
      for scanner in scanners { scanner.request() }
      rescanAt = now.advanced(bySeconds: settings.rescan)
    }
    hearOfEnds()
    var next = NextTick.at(min(rescanAt, state.deadline ?? rescanAt))
    if state.isStopping { return next }
    if let rest = restUntil, now < rest { return .at(rest) }
    restUntil = nil
    if !unread.isEmpty { readmit(takeUnread()) }
    readmit(active.takeHandedBack())
    attendWaiting(now)
    takeInLateDatabases(now)
    if let time = maintenance.tick(now) { next = next.orEarlier(time) }
    var claims = Self.claimsPerTick
    for scanner in scanners {
      if step(scanner, &claims, now) { next = .now }
      if case .at(let time) = next, let own = scanner.nextDeadline { next = .at(min(time, own)) }
      if let rest = restUntil {
        next = .at(rest)
        break
      }
    }
    submit()
    guard case .at(let time) = next else { return next }
    return nextOfWaiting(now).map { $0 <= now ? .now : .at(min($0, time)) } ?? next
  }

  /// - Returns: whether there is more to do at once.
  private func step(_ scanner: SpoolScanner, _ claims: inout Int, _ now: MonotonicTime) -> Bool {
    if scanner.needsStep(at: now) {
      do throws(FileError) {
        try scanner.step(budget: Self.entriesPerTick, now: .now(), clock: now)
      } catch {
        log.say("cannot list \(scanner.lane.path): \(error)")
        return false
      }
    }
    var room = active.room(scanner.lane)
    while room > 0, claims > 0, let entry = scanner.next(at: now) {
      room -= 1
      claims -= 1
      guard take(claim.claim(entry, now: .now(), clock: now), entry, scanner) else { return false }
    }
    return scanner.needsStep(at: now) || (room > 0 && claims == 0)
  }

  /// - Returns: false where claiming has to rest.
  private func take(_ outcome: ClaimOutcome, _ entry: ScanEntry, _ scanner: SpoolScanner) -> Bool {
    switch outcome {
    case .claimed(let job):
      restPatience = 0.05
      admit(job)
    case .rejected(let name, let error): reject(name, error)
    case .waiting(let hold, let until): scanner.postpone(entry, hold: hold, until: until)
    case .refused(let error):
      if scanner.refuse(entry) { log.say("left where it is: \(error)") }
    case .gone: break
    case .unavailable(let error):
      log.say("claiming rests: \(error)")
      scanner.request()
      rest()
      return false
    }
    return true
  }

  func admit(_ job: ClaimedJob, alone: Bool = false, _ fate: JobFate = .open) {
    switch job.content {
    case .whole(let bytes) where job.name.job.kind == .json:
      active.add(job.name, bytes: bytes.count)
      handle(intake.admit(job, bytes), alone: alone, fate)
    case .whole, .streamed:
      active.add(job.name, bytes: 0)
      do throws(FileError) {
        handle(try intake.admit(streamed: job), alone: alone, fate)
      } catch {
        postpone(job.name, error)
      }
    case .unread(let error): postpone(job.name, error)
    }
  }

  /// The machine is at fault: a claimed job is read again after a rest.
  func postpone(_ name: ClaimedName, _ error: FileError) {
    if restPatience < 0.1 { log.say("cannot read a claimed job; trying until it works: \(error)") }
    active.add(name, bytes: 0)
    unread.append(name)
    rest()
  }

  private func rest() {
    restUntil = MonotonicTime.now().advanced(bySeconds: restPatience)
    restPatience = min(2, restPatience * 2)
  }

  private func handle(
    _ verdict: JobIntake.Verdict, alone: Bool = false, _ fate: JobFate = .open
  ) {
    switch verdict {
    case .run(let ticket):
      guard mayRun(ticket, alone: alone, fate) else { return }
      if alone {
        engines[ticket.job.database]?.submit([ticket], alone: true)
      } else {
        pending[ticket.job.database, default: []].append(ticket)
      }
    case .reject(let ticket, let error):
      if let id = ticket.job.id { active.identify(ticket.sequence, as: id) }
      waiting.notice(ticket)
      var document = ResultDocument(of: ticket, status: .rejected, finished: .now())
      document.error = error
      publisher.add(
        [
          Outcome(
            ticket: ticket, status: .rejected, durability: .resultFile, result: document.rendered())
        ], database: ticket.job.database)
    }
  }

  func reject(_ name: ClaimedName, _ error: JobError) {
    active.add(name, bytes: 0)
    handle(intake.reject(name, nil, error))
  }

  func submit() {
    for (database, tickets) in pending { engines[database]?.submit(tickets) }
    pending.removeAll(keepingCapacity: true)
  }

  private func takeUnread() -> [ClaimedName] {
    defer { unread.removeAll() }
    return unread
  }

  /// Jobs that have been claimed before, by this worker or the one before it.
  func readmit(_ names: [ClaimedName]) {
    if names.isEmpty { return }
    for name in names {
      switch claim.reopen(name) {
      case .claimed(let job):
        let isPoison = suspects.isPoison(name.sequence)
        admit(job, alone: suspects.isSuspect(name.sequence), isPoison ? .poison : .open)
      case .rejected(let name, let error): reject(name, error)
      case .gone, .waiting: active.remove(Int64(name.sequence), .failed)
      case .refused(let error), .unavailable(let error): postpone(name, error)
      }
    }
    submit()
  }

  // MARK: The end

  var previousEnd: PreviousEnd { lock.previousEnd }

  private var isIdle: Bool {
    active.isQuiet && active.handedBackCount == 0 && unread.isEmpty && !hasWaitingToDo
      && !late.isAnyLocked
      && scanners.allSatisfy { $0.isExhausted || active.room($0.lane) == 0 }
  }

  /// Whether what is left are writes to databases that are set aside.
  private var isSetAside: Bool {
    let held = engines.all.reduce(0) {
      $0 + ($1.writerStatus.snapshot.isSetAside ? $1.load.writes : 0)
    }
    return held > 0 && held == active.busyCount
  }

  private func end() throws -> Int32 {
    for opening in late.openings { opening.stop() }
    for engine in engines.all { engine.stop() }
    publisher.close()
    lookup.close()
    maintenance.close()
    for thread in threads { thread.join() }
    monitor.stop(scanners, waiting, late)
    for watch in watches { watch.close() }
    wakeup.close()
    let left = active.count + active.handedBackCount
    if left > 0 { log.say("\(left) claimed jobs wait for the next start") }
    if settler.isInDoubt {
      log.say("results may not be durable; the next start writes them again")
      return 1
    }
    // What the worker before left in a database that never came is still to be put in order.
    if late.isEmpty || previousEnd != .killed { try lock.markClean() }
    if !settings.once { return 0 }
    return counts.allDone && left == 0 ? 0 : 1
  }
}
