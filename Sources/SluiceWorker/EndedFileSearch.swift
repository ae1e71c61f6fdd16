import JSON
import Sluice
import Spool

/// Finds what jobs that no ledger knows have left: a read or a rejected file by the id in its result,
/// or, where a consumer has taken that, a job that was not done by its name in `failed/`.
///
/// Opens every result, some 10 µs each, so it is not for the loop's thread.
struct EndedFileSearch {
  private let layout: SpoolLayout

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// - Parameters:
  ///   - wanted: names or ids.
  ///   - isStopped: asked between two files; what was found until then is returned.
  func find(
    _ wanted: Set<String>, isStopped: () -> Bool
  ) throws(FileError) -> [String: EndedJob] {
    var found: [String: EndedJob] = [:]
    for name in wanted {
      guard let job = JobName(name), let status = try layout.failed.status(job.text) else {
        continue
      }
      found[name] = EndedJob(
        status: .failed, finished: Timestamp(nanoseconds: status.changed))
    }
    var reader = try DirectoryReader(layout.results)
    while let entry = try reader.next(), !isStopped() {
      let name = String(cString: entry.name)
      guard name.hasSuffix(".json"), !name.hasPrefix("."),
        let (id, status) = ended(name), wanted.contains(id),
        let standing = try layout.results.status(name)
      else { continue }
      let end = EndedJob(status: status, finished: Timestamp(nanoseconds: standing.modified))
      if let other = found[id], other.finished > end.finished { continue }
      found[id] = end
    }
    return found
  }

  /// What the beginning of a result says; nil where it has no id. A file that cannot be read, or that
  /// is no result, is nobody's.
  private func ended(_ name: String) -> (id: String, JobStatus)? {
    guard let head = (try? layout.results.head(name, bytes: ObjectHead.resultBytes)) ?? nil
    else { return nil }
    let fields = ObjectHead.strings(["id", "status"], in: head)
    guard let id = fields["id"], let word = fields["status"], let status = JobStatus(name: word)
    else { return nil }
    return (id, status)
  }
}
