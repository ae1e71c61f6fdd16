/// What a piece of work on a whole database came to.
public struct MaintenanceEnd: Sendable {
  public var work: ControlRequest.Maintenance
  public var status: JobStatus
  /// Nil where it was done.
  public var error: JobError?
  public var started: Timestamp
  /// How long it ran.
  public var seconds: Double
  /// It was stopped for more urgent work, and is to be tried again.
  public var gaveWay = false
  /// It was not needed.
  public var wasIdle = false
  /// What it did, in JSON.
  var details: [UInt8]?
  /// What a check found, as the rows of a statement.
  var statements: [UInt8]?

  /// As the outcome of the command that asked for it.
  func outcome(of ticket: JobTicket) -> Outcome {
    Outcome(unrecorded: ticket, status, error) { document in
      document.started = started
      document.ran = seconds
      document.details = details.map { (work.rawValue, $0) }
      if let statements { document.statements = statements }
    }
  }
}
