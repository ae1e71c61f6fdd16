/// What became of a job, with the bytes of its result.
public struct Outcome: Sendable {
  /// What makes the outcome survive a crash.
  public enum Durability: Sendable, Equatable {
    /// A committed row of the ledger under this key.
    case ledger(key: Int64)
    /// Nothing yet: the job's file must stay until the result file is durable.
    case resultFile
  }

  public var ticket: JobTicket
  public var status: JobStatus
  public var durability: Durability
  /// The whole result document; empty where `streamed` is that.
  public var result: [UInt8]
  /// What was too long for memory.
  public var streamed: StreamedResult?

  public init(
    ticket: JobTicket, status: JobStatus, durability: Durability, result: [UInt8],
    streamed: StreamedResult? = nil
  ) {
    self.streamed = streamed
    self.ticket = ticket
    self.status = status
    self.durability = durability
    self.result = result
  }
}
