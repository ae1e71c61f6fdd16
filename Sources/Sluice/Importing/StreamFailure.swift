/// Why a stream gives no more.
public enum StreamFailure: Error, Sendable {
  /// The machine could not read it; trying again may help.
  case unreadable(String)
  /// It is not the file that was claimed any more.
  case changed(String)
  /// It holds what it may not.
  case unfit(JobError)
}
