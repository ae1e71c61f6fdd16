import Sluice

/// What can be claimed, and when: sizes in bytes, times in seconds.
public struct ClaimRules: Sendable {
  /// Largest `.json`.
  public var jsonBytesMax: Int64 = 16 << 20
  /// Largest `.sql`.
  public var sqlBytesMax: Int64 = 1 << 30
  /// A `.sql` beyond this size is streamed by whoever runs it.
  public var wholeBytesMax: Int64 = 1 << 20
  /// How long a file must rest where a lease cannot tell whether it is being written.
  public var settle: Double = 2
  /// How long a second link may last.
  public var linkPatience: Double = 1

  public init() {}
}

/// A job file that is now in `active/`, and the worker's.
public struct ClaimedJob: Sendable {
  public enum Content: Sendable {
    case whole([UInt8])
    /// Too large or of any size (`.jsonl`): to be read from `active/` in pieces.
    case streamed
    /// The disk failed; `JobClaim.reopen` tries again.
    case unread(FileError)
  }

  public var name: ClaimedName
  /// Its `hash` is 0 unless the content is whole: whoever reads it fills it in.
  public var identity: FileIdentity
  public var content: Content
}

/// What became of the attempt to claim one file.
public enum ClaimOutcome: Sendable {
  case claimed(ClaimedJob)
  /// In `active/`, but no job: to be answered with this error and moved to `failed/`.
  case rejected(ClaimedName, JobError)
  /// Not yet: to be tried again with this hold.
  case waiting(ClaimHold, until: MonotonicTime)
  /// This user may not read or move it: to be reported once and left.
  case refused(FileError)
  /// Gone, or another file by now, or a name to be left alone.
  case gone
  /// The machine is at fault (no descriptors, no room for a directory entry): everything waits.
  case unavailable(FileError)
}
