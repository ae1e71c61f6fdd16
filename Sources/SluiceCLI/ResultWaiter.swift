import EventLoop
import Glibc
import Sluice
import Spool

/// Waits until jobs have their results; never takes an older result of the name for the new one.
///
/// Woken by the directory of results, and by a slow poll where events do not reach (network file
/// systems). Ends without the results after the timeout, or when no worker runs.
struct ResultWaiter {
  let spool: SpoolLayout
  /// Seconds; nil waits as long as a worker runs.
  let timeout: Double?

  /// Milliseconds between two looks without an event.
  private static let pollMilliseconds = 250
  /// A worker that is being restarted is away for a moment; one that is not started is away longer.
  private static let absenceMax = 1.0

  /// A result to wait for.
  struct Ticket {
    let job: JobName
    /// The result that is not the one.
    fileprivate let previous: ResultIdentity?
    /// When the job cannot have been there yet; nil where that is not known.
    fileprivate let since: Timestamp?

    /// For a job that was just dropped.
    init(_ receipt: Submission.Receipt) {
      job = receipt.job
      previous = receipt.previous
      since = receipt.since
    }

    /// For the latest job of that name: one that is on its way, else the one that has a result.
    init(latest job: JobName, in spool: SpoolLayout) throws {
      self.job = job
      since = nil
      // In this order: a result that comes between the two looks is then a new one.
      let present = try ResultIdentity(of: job, in: spool)
      previous = try SpoolInventory(spool: spool).isPending(job) ? present : nil
    }
  }

  /// Calls `found` for each result as it appears.
  ///
  /// - Throws: `timedOut` or `noWorker`, naming a job that has no result and where it is.
  func wait(for tickets: [Ticket], found: (JobResult) throws -> Void) throws {
    let start = MonotonicTime.now()
    let deadline = timeout.map { start.advanced(bySeconds: $0) }
    var presence = Presence(spool: spool, since: start)
    let watch = try? Watch(spool.results.path)
    var left = tickets
    while true {
      let now = MonotonicTime.now()
      // Before the look: what ended before this instant has its result by the time of the look.
      let isAbandoned = try presence.isAbandoned(now: now, after: Self.absenceMax)
      var rest: [Ticket] = []
      for ticket in left {
        if let result = try result(for: ticket) { try found(result) } else { rest.append(ticket) }
      }
      left = rest
      guard let next = left.first else { return }
      if let deadline, now >= deadline { throw timedOut(next) }
      if isAbandoned { throw abandoned(next) }
      let remaining = deadline.map { Int($0.seconds(since: now) * 1000) + 1 }
      let period = min(Self.pollMilliseconds, remaining ?? .max)
      if let watch { watch.wait(milliseconds: period) } else { Watch.pause(milliseconds: period) }
    }
  }

  /// The ticket's result, if it is there.
  private func result(for ticket: Ticket) throws -> JobResult? {
    let identity = try ResultIdentity(of: ticket.job, in: spool)
    guard let identity else { return nil }
    let isNew = identity != ticket.previous
    // A job that was dropped has a new result; of one that was found it may be the present one,
    // whose job file was still about to go.
    guard isNew || ticket.since == nil, let result = try JobResult(of: ticket.job, in: spool)
    else { return nil }
    if isNew {
      guard let since = ticket.since, let arrived = result.arrived else { return result }
      if arrived >= since.rfc3339 { return result }
    }
    // An earlier job of the same name, which ended after this one was dropped, has its result
    // here until this one's replaces it. (Or the clock was set back: then the job is gone, too.)
    return try SpoolInventory(spool: spool).isPending(ticket.job) ? nil : result
  }

  private func timedOut(_ ticket: Ticket) -> CommandFailure {
    CommandFailure(
      .timedOut, "\(ticket.job.text) has no result after \(timeout ?? 0) s\(place(ticket.job))",
      hint: "wait on with: sluice wait \(ticket.job.text), "
        + "or take it back with: sluice cancel \(ticket.job.text)")
  }

  private func abandoned(_ ticket: Ticket) -> CommandFailure {
    CommandFailure(
      .noWorker, "no worker runs for \(spool.root.path)\(place(ticket.job))",
      hint: "start one with: sluice run --spool \(spool.root.path)")
  }

  private func place(_ job: JobName) -> String {
    guard let sightings = try? SpoolInventory(spool: spool).sightings(of: job),
      let sighting = sightings.first
    else { return "" }
    return "; \(job.text) is in \(sighting.place.path)/"
  }
}

/// Whether somebody holds the spool's lock, asked from time to time.
private struct Presence {
  let spool: SpoolLayout
  /// When it was last seen held, or the waiting began.
  private var seen: MonotonicTime
  private var asked: MonotonicTime?

  /// Seconds between two questions, however many events there are.
  private static let interval = 0.2

  init(spool: SpoolLayout, since start: MonotonicTime) {
    self.spool = spool
    seen = start
  }

  mutating func isAbandoned(now: MonotonicTime, after seconds: Double) throws -> Bool {
    if let asked, now.seconds(since: asked) < Self.interval { return false }
    asked = now
    if try SpoolLock.holder(spool) != .nobody { seen = now }
    return now.seconds(since: seen) >= seconds
  }
}

/// A loop that watches one directory.
private final class Watch {
  private let loop: Loop
  private let directory: DirectoryWatch

  init(_ path: String) throws(LoopError) {
    loop = try Loop()
    // The events themselves say nothing that the look after each wait does not find.
    directory = try DirectoryWatch(on: loop, path: path, onEvent: { _ in }, onError: { _ in })
  }

  func wait(milliseconds: Int) { loop.runOnce(waitingUpTo: milliseconds) }

  /// Where nothing can be watched.
  static func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }
}
