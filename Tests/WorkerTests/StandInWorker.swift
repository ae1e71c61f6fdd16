import Foundation
import Sluice
import Spool
import Synchronization
import TestSupport

/// Holds a spool's lock on a thread of its own and lets the test answer each job that appears.
///
/// Speaks the protocol's file side alone: what the commands see of a worker.
final class StandInWorker: Sendable {
  private final class Progress: Sendable {
    let stops = Atomic(false)
    let started = DispatchSemaphore(value: 0)
    let failure = Mutex<(any Error)?>(nil)
  }

  private let progress: Progress
  private let thread: OwnedThread

  /// - Parameter answer: the text of the result for a job's name, text and arrival; nil leaves the
  ///   job in its lane.
  init(
    _ spool: TemporarySpool,
    answer: @escaping @Sendable (_ job: String, _ text: String, _ arrived: String) throws -> String?
  ) throws {
    let progress = Progress()
    self.progress = progress
    thread = try OwnedThread(name: "stand-in") {
      do {
        let lock = try SpoolLock.acquire(spool.layout)
        progress.started.signal()
        while !progress.stops.load(ordering: .relaxed) {
          try Self.answerAll(spool, answer)
          sched_yield()
        }
        _ = consume lock
      } catch {
        progress.failure.withLock { $0 = error }
        progress.started.signal()
      }
    }
    progress.started.wait()
    if let error = progress.failure.withLock({ $0 }) { throw error }
  }

  /// Lets go of the lock; returns when that is done.
  func stop() {
    progress.stops.store(true, ordering: .relaxed)
    thread.join()
  }

  private static func answerAll(
    _ spool: TemporarySpool, _ answer: (String, String, String) throws -> String?
  ) throws {
    for lane in IncomingLane.allCases {
      for job in spool.files(lane.path) {
        let file = lane.path + "/" + job
        guard let text = spool.text(file), let status = try spool.layout.incoming(lane).status(job),
          let result = try answer(job, text, arrival(status))
        else { continue }
        try spool.put(result, at: "results/" + (job.hasSuffix(".json") ? job : job + ".json"))
        try spool.layout.incoming(lane).unlink(job)
      }
    }
  }

  private static func arrival(_ status: FileStatus) -> String {
    Timestamp(nanoseconds: status.changed).rfc3339
  }
}
