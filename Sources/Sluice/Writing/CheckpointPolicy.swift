/// When the writer copies the WAL into the database; pure.
///
/// A thousand pages cost 9 ms, ten thousand 190 ms (ext4, SQLite 3.40), so it is done often. A
/// reader's snapshot holds a checkpoint back, or keeps the WAL from starting over after one; trying
/// again at each commit would cost every group the wait, so the next try comes after as much again
/// was written, or, where a reader held it back, after a second.
struct CheckpointPolicy {
  /// SQLite's own default for automatic checkpoints.
  static let pages = 1000

  /// Seconds until the next try where a reader held one back: a try waits 5 ms for it.
  static let retrySeconds = 1.0

  /// Bytes of WAL from which on the file is cut back to nothing.
  var walLimit: Int
  /// Pages that the WAL had at the last try.
  private var tried = 0
  /// When one that was held back is tried again; nil where none was.
  private(set) var retry: MonotonicTime?

  init(walLimit: Int) { self.walLimit = walLimit }

  enum Step: Equatable {
    case none
    case full
    case truncate
  }

  /// - Parameters:
  ///   - walPages: as the last commit left the WAL.
  ///   - pageSize: of the database, in bytes.
  mutating func step(walPages: Int, pageSize: Int, now: MonotonicTime) -> Step {
    // It has started over.
    if walPages < tried { tried = 0 }
    let isAgain = retry.map { $0 <= now } ?? false
    let enough = min(Self.pages, max(1, walLimit / pageSize))
    if walPages - tried < enough, !isAgain { return .none }
    tried = walPages
    return walPages * pageSize >= walLimit ? .truncate : .full
  }

  /// A checkpoint has been tried.
  mutating func ended(isHeldBack: Bool, now: MonotonicTime) {
    retry = isHeldBack ? now.advanced(bySeconds: Self.retrySeconds) : nil
  }
}
