import Sluice
import Spool

/// Looks for jobs that ended before somebody waited for them, on a thread of its own: in the ledgers,
/// then for what no ledger knows in the files that jobs have left.
final class DependencyLookup: Sendable {
  private struct State: Sendable {
    /// At most what waiting jobs name.
    var asked: Set<String> = []
    var answers: [(name: String, status: JobStatus?)] = []
    /// Seconds for which an end counts.
    var retention: Double
    var isClosed = false
  }

  /// Seconds between two tries where a database cannot be read.
  private static let patience = 1.0

  private let engines: EngineTable
  private let files: EndedFileSearch
  private let log: WorkerLog
  private let onAnswer: @Sendable () -> Void
  private let state: Monitor<State>

  /// - Parameters:
  ///   - retention: seconds for which an end counts.
  ///   - onAnswer: called on the thread.
  init(
    _ engines: EngineTable, _ layout: SpoolLayout, retention: Double, log: WorkerLog,
    onAnswer: @escaping @Sendable () -> Void
  ) {
    self.engines = engines
    state = Monitor(State(retention: retention))
    files = EndedFileSearch(layout)
    self.log = log
    self.onAnswer = onAnswer
  }

  /// Asks for a job by name or id. Never blocks.
  func ask(_ name: String) {
    state.withLock { _ = $0.asked.insert(name) }
    state.signal()
  }

  /// What was found since the last call; nil where nothing is left of such a job.
  func takeAnswers() -> [(name: String, status: JobStatus?)] {
    state.withLock { state in
      if state.answers.isEmpty { return [] }
      defer { state.answers.removeAll() }
      return state.answers
    }
  }

  /// Seconds for which an end counts from now on.
  func keep(_ retention: Double) { state.withLock { $0.retention = retention } }

  func close() {
    state.withLock { $0.isClosed = true }
    state.broadcast()
  }

  /// The thread's body.
  func run() {
    var hasFailed = false
    while let names = next() {
      let (found, failure) = search(names)
      // What is not found may be in what could not be read.
      let unanswered = failure == nil ? [] : names.subtracting(found.keys)
      let answered = names.subtracting(unanswered)
      if !answered.isEmpty {
        state.withLock { $0.answers += answered.map { ($0, found[$0]?.status) } }
        onAnswer()
      }
      if let failure, !hasFailed {
        log.say("cannot look for jobs that have ended: \(failure.message)")
      }
      hasFailed = failure != nil
      if unanswered.isEmpty { continue }
      state.withLock { $0.asked.formUnion(unanswered) }
      let end = MonotonicTime.now().advanced(bySeconds: Self.patience)
      _ = state.wait(until: end) { $0.isClosed ? true : nil }
    }
  }

  private func next() -> Set<String>? {
    let next = state.wait { state -> Set<String>?? in
      if state.isClosed { return .some(nil) }
      if state.asked.isEmpty { return nil }
      defer { state.asked.removeAll() }
      return state.asked
    }
    return next ?? nil
  }

  /// - Returns: the latest job of each name, and why a place could not be looked at.
  private func search(_ names: Set<String>) -> (found: [String: EndedJob], failure: JobError?) {
    let since = Timestamp.now().advanced(bySeconds: -state.withLock { $0.retention })
    var found: [String: EndedJob] = [:]
    var failure: JobError?
    for engine in engines.all {
      do throws(JobError) {
        for (name, job) in try engine.endedJobs(names, since: since) {
          if let other = found[name], other.finished > job.finished { continue }
          found[name] = job
        }
      } catch {
        failure = error
      }
    }
    let unknown = names.subtracting(found.keys)
    if unknown.isEmpty { return (found, failure) }
    do throws(FileError) {
      let left = try files.find(unknown) { state.withLock { $0.isClosed } }
      return (found.merging(left) { ledger, _ in ledger }, failure)
    } catch {
      return (found, JobError(.storage, "SQLITE_IOERR", "\(error)", number: 10))
    }
  }
}
