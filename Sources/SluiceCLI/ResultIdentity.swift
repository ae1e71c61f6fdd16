import Spool

/// Which file a result is: another one has another identity, also under the same name.
struct ResultIdentity: Equatable {
  private var inode: UInt64
  private var changed: Int64

  /// Of the result that stands under the job's name now; nil where there is none.
  init?(of job: JobName, in spool: SpoolLayout) throws {
    guard let status = try spool.results.status(job.result) else { return nil }
    inode = status.inode
    changed = status.changed
  }
}
