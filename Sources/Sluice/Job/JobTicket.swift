/// A job on its way through the engine, with what must be known of it to answer for it.
///
/// Immutable, so that the threads it passes through share one copy.
public final class JobTicket: Sendable {
  /// Unique for ever among one spool's jobs, increasing with the order they were claimed in.
  public let sequence: Int64
  /// The name that results and `after` know it by.
  public let name: String
  /// Of the file it came from; kept in the ledger for the recovery after a power failure.
  public let identity: FileIdentity
  /// `ContentHash` of what makes two jobs of one id the same: an import's `from_line` is left out.
  public let idHash: UInt64
  public let job: Job
  /// The priority it waits with.
  public let priority: Priority
  public let arrived: Timestamp

  public init(
    sequence: Int64, name: String, identity: FileIdentity, job: Job, priority: Priority,
    arrived: Timestamp, idHash: UInt64? = nil
  ) {
    self.idHash = idHash ?? identity.hash
    self.sequence = sequence
    self.name = name
    self.identity = identity
    self.job = job
    self.priority = priority
    self.arrived = arrived
  }
}
