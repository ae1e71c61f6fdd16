/// A command to the worker.
public enum ControlRequest: Sendable, Equatable {
  /// What a pause holds up.
  public enum Scope: Sendable, Equatable {
    case everything
    case database(String)
    case priority(Priority)
  }

  /// Work on a whole database, named as in a job file.
  public enum Maintenance: String, Sendable, CaseIterable {
    case checkpoint
    case optimize
    case analyze
    case vacuum
    case incrementalVacuum = "incremental_vacuum"
    case integrityCheck = "integrity_check"
  }

  /// A queued or running job, by name or id.
  case cancel(job: String)
  case pause(Scope)
  case resume(Scope)
  /// A job in `failed/`, by name or id.
  case retry(job: String)
  case maintenance(Maintenance, database: String)
  /// An online copy under `results/`, as that file name.
  case backup(database: String, file: String)
  /// Read the configuration again.
  case reload
  case shutdown
}
