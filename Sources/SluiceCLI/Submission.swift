import Glibc
import Sluice
import Spool

/// Drops a job into a spool so that it is accepted: once `drop` returns, a power failure does not
/// lose it.
struct Submission {
  let spool: SpoolLayout
  let job: JobName
  let lane: IncomingLane

  /// What the waiter must know of the moment before the drop.
  struct Receipt {
    var job: JobName
    /// The result that stood under the job's name before.
    var previous: ResultIdentity?
    /// The job's file did not exist before this instant.
    var since: Timestamp
  }

  /// Writes the job under `tmp/`, syncs it, renames it into its lane and syncs that.
  ///
  /// - Parameter write: writes the job's content into the file.
  /// - Throws: also where a job of this name already waits there: its file would be replaced, and
  ///   it would be lost.
  func drop(_ write: (borrowing OpenFile) throws -> Void) throws -> Receipt {
    let scratch = ".\(job.text).\(getpid()).tmp"
    do {
      let receipt = try prepare(scratch, write)
      try publish(scratch)
      return receipt
    } catch {
      // The first error counts; a scratch file that stays is never read.
      _ = try? spool.tmp.unlink(scratch)
      throw error
    }
  }

  func drop(_ bytes: [UInt8]) throws -> Receipt {
    try drop { file in try file.write(bytes) }
  }

  private func prepare(
    _ scratch: String, _ write: (borrowing OpenFile) throws -> Void
  ) throws -> Receipt {
    let file = try spool.tmp.create(scratch, mode: 0o666)
    try write(file)
    try file.sync()
    return Receipt(
      job: job, previous: try ResultIdentity(of: job, in: spool),
      // By the file system's clock, which also gives the arrival.
      since: Timestamp(nanoseconds: try file.status().changed))
  }

  private func publish(_ scratch: String) throws {
    let target = spool.incoming(lane)
    do throws(FileError) {
      try spool.tmp.renameNew(scratch, to: target, job.text)
      try target.sync()
    } catch {
      guard error.errno == EEXIST else { throw error }
      throw CommandFailure(
        .notDone, "a job named \(job.text) is waiting in \(lane.path)",
        hint: "take another name, or wait for it: sluice wait \(job.text)")
    }
  }
}

extension JobName {
  /// A name that no other process makes: the purpose, the time, the process and chance.
  static func unique(_ purpose: String, extension suffix: String = "json") -> JobName {
    let digits = Timestamp.now().rfc3339.filter(\.isNumber).prefix(14)
    let chance = String(UInt32.random(in: 0 ... .max), radix: 16)
    let text = "\(purpose)-\(digits)-\(getpid())-\(chance).\(suffix)"
    guard let name = JobName(text) else { preconditionFailure("not a job name: \(text)") }
    return name
  }

  /// The job name that an argument gives.
  static func argument(_ text: String) throws -> JobName {
    guard let name = JobName(text) else {
      throw CommandFailure(
        .badData, "\(text) is no job name",
        hint: "use letters, digits, '.', '_' and '-', at most \(bytesMax) bytes, "
          + "with .json, .jsonl or .sql at the end")
    }
    return name
  }
}
