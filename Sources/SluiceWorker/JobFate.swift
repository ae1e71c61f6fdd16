import Sluice
import Spool

/// What is to happen to a job whose file is read.
enum JobFate: Sendable {
  /// What it says itself: it may have to wait.
  case open
  /// It has waited.
  case run
  case giveUp(JobStatus, JobError)

  static let poison = JobFate.giveUp(
    .failed,
    JobError(
      .worker, SluiceCode.poison,
      "the worker died \(SuspectList.deathsMax) times in a row while it ran this job",
      hint: "look into the worker's log for what it does to SQLite or the machine, or who kills it"
    ))

  /// Of a job that waited in vain.
  init(_ cause: WaitingJobs<WaitingRoom.Guest>.Cause) {
    switch cause {
    case .expired: self = .giveUp(.expired, .expired)
    case .endedOtherwise(let name, let status):
      self = .giveUp(
        .failed,
        JobError(
          .dependency, SluiceCode.dependency,
          "\"\(name)\", which must be done first, is \(status.name)", pointer: "/after",
          hint: "see why with: sluice show \(name); then drop both again"))
    case .neverSeen(let name):
      self = .giveUp(
        .failed,
        JobError(
          .dependency, SluiceCode.dependency,
          "nobody has seen a job \"\(name)\", which must be done first", pointer: "/after",
          hint: "give its whole name, such as a.json, or its id"))
    case .cycle(let names):
      self = .giveUp(
        .failed,
        JobError(
          .dependency, SluiceCode.cycle,
          "the jobs wait for each other: \(Self.way(names))", pointer: "/after",
          hint: "take one of the names out of \"after\""))
    }
  }

  /// `a.json → b.json → a.json`, of a long one the first and the last.
  private static func way(_ names: [String]) -> String {
    let shown = names.count > 12 ? names.prefix(6) + ["…"] + names.suffix(5) : names[...]
    return shown.joined(separator: " → ")
  }
}
