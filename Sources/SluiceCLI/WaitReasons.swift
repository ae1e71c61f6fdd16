import Sluice
import SluiceWorker
import Spool

/// What a claimed job waits for before it may begin, as far as its file and the spool tell.
///
/// Nothing for a job that runs or has only others before it.
struct WaitReasons {
  /// The end of a pause, a time, the names or ids of jobs.
  private(set) var words: [String] = []

  /// The largest file that is read for it: one JSON job, by default.
  private static let sizeMax: Int64 = 16 << 20

  init(of sighting: SpoolInventory.Sighting, in spool: SpoolLayout) throws {
    guard sighting.place == .active, sighting.lane != .control,
      let job = try Self.job(of: sighting, in: spool)
    else { return }
    let priority = sighting.lane?.priority ?? job.priority ?? .normal
    for pause in try PauseSet(spool).words(concerning: job.database, priority) {
      words.append("the end of the pause of \(pause)")
    }
    if let time = job.notBefore?.resolved(arrival: sighting.time), time > .now() {
      words.append(time.rfc3339)
    }
    for name in job.after where try !Self.isDone(name, in: spool) { words.append(name) }
  }

  private static func isDone(_ name: String, in spool: SpoolLayout) throws -> Bool {
    guard let job = JobName(name) else { return false }
    return try JobResult(of: job, in: spool)?.isDone == true
  }

  /// What its file says; of a script or a batch, the first line. Nil where it says nothing.
  private static func job(
    of sighting: SpoolInventory.Sighting, in spool: SpoolLayout
  ) throws -> Job? {
    let (decoder, file) = (JobDecoder(), sighting.file)
    switch sighting.job.kind {
    case .json:
      guard sighting.size <= sizeMax, let bytes = try spool.active.contents(file) else {
        return nil
      }
      return try? decoder.decode(bytes).job
    case .sql, .jsonl:
      let head = try spool.active.head(file, bytes: Int(JobLimits().jobBytes)) ?? []
      let line = head.prefix { $0 != 0x0a }
      return sighting.job.kind == .sql
        ? try? decoder.decodeScriptHeader(line) ?? Job()
        : (try? decoder.decodeBatchHeader(line))??.template ?? Job()
    case .foreign: return nil
    }
  }
}
