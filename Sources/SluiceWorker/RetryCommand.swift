import Glibc
import Sluice
import Spool

/// Moves one job from `failed/` to `incoming/`, into the lane that it came from; durably.
struct RetryCommand {
  /// Files of `failed/` that are opened to find an id.
  private static let searchMax = 10_000

  private let layout: SpoolLayout

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// - Parameter nameOrID: of the job.
  func run(_ nameOrID: String) -> Worker.Answer {
    do throws(FileError) {
      guard let job = try job(of: nameOrID) else {
        return .failed(.notFound(nameOrID, "is not in failed/"))
      }
      let lanes = LaneNotes.failed(layout)
      let target = layout.incoming(lanes.lane(of: job))
      try layout.failed.renameNew(job.text, to: target, job.text)
      lanes.forget(job)
      try target.sync()
      try layout.failed.sync()
      return .done("retry", Worker.object([("job", job.text)]))
    } catch {
      if error.errno == ENOENT { return .failed(.notFound(nameOrID, "has just left failed/")) }
      if error.errno == EEXIST {
        return .failed(
          JobError(
            .request, SluiceCode.forbidden,
            "a job of that name waits in incoming/ already, and would be lost",
            hint: "try again when it has been claimed"))
      }
      return .failed(
        JobError(.storage, "SQLITE_IOERR", "the job cannot be moved: \(error)", number: 10))
    }
  }

  private func job(of nameOrID: String) throws(FileError) -> JobName? {
    if let job = JobName(nameOrID), job.kind != .foreign,
      try layout.failed.status(job.text)?.kind == .regular
    {
      return job
    }
    return try latest(withID: nameOrID)
  }

  private func latest(withID id: String) throws(FileError) -> JobName? {
    var reader = try DirectoryReader(layout.failed)
    var latest: (job: JobName, changed: Int64)?
    var looked = 0
    while looked < Self.searchMax, let entry = try reader.next() {
      guard let job = JobName(String(cString: entry.name)), job.kind != .foreign else { continue }
      looked += 1
      guard let status = try layout.failed.status(job.text), status.kind == .regular,
        try FailedJob(job, in: layout).id == id
      else { continue }
      if let found = latest, found.changed >= status.changed { continue }
      latest = (job, status.changed)
    }
    return latest?.job
  }
}
