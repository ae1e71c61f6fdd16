import JSON
import Sluice
import Spool

/// The claimed jobs that may not begin yet, and what is known of the jobs they wait for; runs none.
///
/// A job in it is a name: its file is in `active/`, and read again when it begins. Belongs to the
/// loop's thread.
final class WaitingRoom {
  struct Guest: Sendable {
    var name: ClaimedName
    var database: String
    var priority: Priority
    /// It may have killed the worker, so it runs with nobody beside it.
    var alone: Bool
  }

  private let layout: SpoolLayout
  private let active: ActiveJobs
  private let lookup: DependencyLookup
  /// Seconds for which a job that nobody has seen is waited for; for those that come from now on.
  var afterTimeout: Double
  private var jobs = WaitingJobs<Guest>()
  private(set) var pauses: PauseSet

  /// - Parameter afterTimeout: seconds for which a job that nobody has seen is waited for.
  init(
    _ layout: SpoolLayout, active: ActiveJobs, lookup: DependencyLookup, afterTimeout: Double
  ) throws(FileError) {
    self.layout = layout
    self.active = active
    self.lookup = lookup
    self.afterTimeout = afterTimeout
    pauses = try PauseSet(layout)
  }

  /// Jobs in it that have not begun; counts them one by one.
  var count: Int { jobs.waitingCount }

  // MARK: Coming and going

  /// Notes a job that was claimed: others may wait for it. Costs nothing while nobody does.
  func notice(_ ticket: JobTicket) {
    if jobs.isEmpty { return }
    for name in [ticket.name, ticket.job.id].compactMap({ $0 }) where jobs.wants(name) {
      if jobs.seen(name, UInt64(ticket.sequence)) { active.watch(ticket.sequence) }
    }
  }

  /// Keeps a job that has something to wait for, or that must be finished by some time, or that would
  /// overtake one which has waited.
  /// - Returns: false where it may run and is not kept.
  func keep(_ ticket: JobTicket, alone: Bool) -> Bool {
    let job = ticket.job
    let isHeld = pauses.holds(database: job.database, ticket.priority)
    let rank = WaitingJobs<Guest>.Rank(ticket)
    guard
      isHeld || job.expires != nil || job.notBefore != nil || !job.after.isEmpty
        || jobs.comesFirst(before: rank)
    else { return false }
    guard let name = active.name(of: ticket) else { return false }
    var conditions = WaitingJobs<Guest>.Conditions(name: ticket.name, id: job.id, rank: rank)
    conditions.isHeld = isHeld
    conditions.notBefore = job.notBefore?.resolved(arrival: ticket.arrived)
    conditions.expires = job.expires?.resolved(arrival: ticket.arrived)
    conditions.after = job.after
    conditions.patience = ticket.arrived.advanced(bySeconds: afterTimeout)
    let guest = Guest(
      name: name, database: job.database, priority: ticket.priority, alone: alone)
    // It is here already if it had begun and could not be read.
    _ = jobs.remove(name.sequence)
    jobs.add(name.sequence, conditions, guest)
    for other in Set(job.after) { find(other, for: name.sequence) }
    if job.expires != nil { active.watch(ticket.sequence) }
    active.park(ticket.sequence)
    return true
  }

  /// Tells what is known of a job by that name or id: one in hand, one still to be claimed, a result,
  /// or else what the ledger says, in that order.
  private func find(_ name: String, for waiter: UInt64) {
    if let sequence = active.watch(latest: name), sequence != Int64(waiter) {
      return jobs.resolve(name, of: waiter, .inFlight(UInt64(sequence)))
    }
    if isIncoming(name) || jobs.expects(name) { return jobs.resolve(name, of: waiter, .unknown) }
    if let status = resultStatus(name) { return jobs.resolve(name, of: waiter, .ended(status)) }
    lookup.ask(name)
  }

  private func isIncoming(_ name: String) -> Bool {
    guard JobName(name) != nil else { return false }
    return IncomingLane.allCases.contains { lane in
      ((try? layout.incoming(lane).status(name)) ?? nil)?.kind == .regular
    }
  }

  private func resultStatus(_ name: String) -> JobStatus? {
    guard let job = JobName(name),
      let head = try? layout.results.head(job.result, bytes: ObjectHead.resultBytes)
    else { return nil }
    let fields = ObjectHead.strings(["job", "status"], in: head)
    guard fields["job"] == name else { return nil }
    return fields["status"].flatMap(JobStatus.init(name:))
  }

  func ended(_ end: ActiveJobs.End) { jobs.ended(UInt64(end.sequence), end.status) }

  /// Takes up what the lookup has found.
  func takeAnswers() {
    for (name, status) in lookup.takeAnswers() {
      jobs.resolveAll(name, status.map { .ended($0) } ?? .unknown)
    }
  }

  /// Another ledger can be read: what nobody had seen is looked for again.
  func askAgain() {
    for name in jobs.askAgain() { lookup.ask(name) }
  }

  /// Whether the job is here and has not begun.
  func isWaiting(_ sequence: Int64) -> Bool { jobs.isWaiting(UInt64(sequence)) }

  /// Takes a waiting job out.
  func remove(_ sequence: Int64) -> Guest? { jobs.remove(UInt64(sequence)) }

  /// A job that was taken back from the engine waits for the end of the pause.
  func takeBack(_ ticket: JobTicket, alone: Bool) {
    guard let name = active.name(of: ticket) else { return }
    active.park(ticket.sequence)
    if jobs.putBack(UInt64(ticket.sequence)) { return }
    var conditions = WaitingJobs<Guest>.Conditions(
      name: ticket.name, id: ticket.job.id, rank: .init(ticket))
    conditions.isHeld = true
    conditions.expires = ticket.job.expires?.resolved(arrival: ticket.arrived)
    let guest = Guest(
      name: name, database: ticket.job.database, priority: ticket.priority, alone: alone)
    jobs.add(name.sequence, conditions, guest)
  }

  // MARK: Pauses

  /// Changes what is paused, durably first.
  func change(_ change: (inout PauseSet) -> Void) throws(FileError) {
    var pauses = pauses
    change(&pauses)
    if pauses == self.pauses { return }
    try pauses.save(layout)
    self.pauses = pauses
    jobs.hold { pauses.holds(database: $0.database, $0.priority) }
  }

  // MARK: Time

  /// Whether nothing is to be done here before a deadline or a word from outside.
  var isSettled: Bool { jobs.isSettled }

  var nextDeadline: Timestamp? { jobs.nextDeadline }

  func tick(now: Timestamp, most: Int) -> [WaitingJobs<Guest>.Action] {
    jobs.tick(now: now, most: most)
  }
}
