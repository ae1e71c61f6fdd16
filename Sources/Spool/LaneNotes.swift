import Glibc

/// Which lane the jobs in `failed/` or `hold/` came from, so that they can go back there: a symlink for
/// each that came from one, below `.lanes/` in the spool, which only the worker's user can write to.
///
/// Neither the job's file nor its result would do: the file is its producer's, who could ask for any
/// lane, and results are taken away. A note that is lost costs the job its lane, nothing more, so
/// nothing here is durable and nothing fails. Any thread.
public struct LaneNotes: Sendable {
  private static let directory = ".lanes"

  /// Before a job's name; no name has a `~`.
  private let prefix: String
  private let root: Directory

  private init(_ layout: SpoolLayout, prefix: String) {
    root = layout.root
    self.prefix = prefix
  }

  /// Of the jobs in `failed/`.
  public static func failed(_ layout: SpoolLayout) -> LaneNotes { LaneNotes(layout, prefix: "") }

  /// Of the jobs in `hold/`.
  public static func held(_ layout: SpoolLayout) -> LaneNotes { LaneNotes(layout, prefix: "hold~") }

  private func path(_ job: JobName) -> String { Self.directory + "/" + prefix + job.text }

  /// The job goes there; whatever was noted of an older one of its name is forgotten.
  public func note(_ lane: IncomingLane, of job: JobName) {
    forget(job)
    guard lane.priority != nil, job.kind != .foreign else { return }
    if symlinkat(lane.rawValue, root.descriptor, path(job)) == 0 || errno != ENOENT { return }
    mkdirat(root.descriptor, Self.directory, 0o750)
    symlinkat(lane.rawValue, root.descriptor, path(job))
  }

  /// The job has left.
  public func forget(_ job: JobName) { unlinkat(root.descriptor, path(job), 0) }

  /// `incoming/` itself where nothing is known.
  public func lane(of job: JobName) -> IncomingLane {
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = readlinkat(root.descriptor, path(job), &buffer, buffer.count)
    guard count > 0,
      let lane = IncomingLane(rawValue: String(decoding: buffer[..<count], as: UTF8.self)),
      lane.priority != nil
    else { return .root }
    return lane
  }
}
