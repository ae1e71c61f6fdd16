import Glibc
import JSON
import Sluice
import Spool

/// Moves one job from `failed/` to `incoming/`, durably.
struct RetryCommand {
  /// Files of `failed/` that are opened to find an id.
  private static let searchMax = 10_000
  /// Bytes of each: an id may stand behind other fields, hardly behind more.
  private static let headBytes = 64 << 10

  private let layout: SpoolLayout

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// - Parameter nameOrID: of the job.
  func run(_ nameOrID: String) -> Worker.Answer {
    do throws(FileError) {
      guard let name = try name(of: nameOrID) else {
        return .failed(.notFound(nameOrID, "is not in failed/"))
      }
      let target = layout.incoming(.root)
      try layout.failed.renameNew(name, to: target, name)
      try target.sync()
      try layout.failed.sync()
      return .done("retry", Worker.object([("job", name)]))
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

  private func name(of nameOrID: String) throws(FileError) -> String? {
    if let job = JobName(nameOrID), job.kind != .foreign,
      try layout.failed.status(job.text)?.kind == .regular
    {
      return job.text
    }
    return try latest(withID: nameOrID)
  }

  private func latest(withID id: String) throws(FileError) -> String? {
    var reader = try DirectoryReader(layout.failed)
    var latest: (name: String, changed: Int64)?
    var looked = 0
    while looked < Self.searchMax, let entry = try reader.next() {
      let name = String(cString: entry.name)
      guard let job = JobName(name), job.kind != .foreign else { continue }
      looked += 1
      guard try self.id(of: job) == id, let status = try layout.failed.status(name)
      else { continue }
      if let found = latest, found.changed >= status.changed { continue }
      latest = (name, status.changed)
    }
    return latest?.name
  }

  private func id(of job: JobName) throws(FileError) -> String? {
    guard var head = try layout.failed.head(job.text, bytes: Self.headBytes) else { return nil }
    if job.kind == .sql {
      let prefix = Array("-- sluice:".utf8)
      guard head.starts(with: prefix) else { return nil }
      head = head.dropFirst(prefix.count)
    }
    return ObjectHead.strings(["id"], in: head)["id"]
  }
}
