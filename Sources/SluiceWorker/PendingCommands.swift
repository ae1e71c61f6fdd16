import Sluice

/// Commands to the worker that have no result yet.
struct PendingCommands {
  enum Act {
    case reload
    case shutdown
  }

  /// A command about a job that is not in hand, but may be claimed in a moment.
  struct Search {
    var ticket: JobTicket
    var job: String
    var until: MonotonicTime
  }

  /// Commands to cancel, by the job they are to cancel.
  var cancels: [Int64: [JobTicket]] = [:]
  /// When the jobs that are to be cancelled are told again: they may have been on their way.
  var tellAgain = MonotonicTime.now()
  var searches: [Search] = []
  /// What the worker does once the command's result stands, by the command.
  var acts: [Int64: Act] = [:]
  /// Commands that an engine has, so that they can be cancelled.
  var engineWork: Set<Int64> = []

  static let tellInterval = 0.1

  var deadlines: [MonotonicTime] {
    searches.map(\.until) + (cancels.isEmpty ? [] : [tellAgain])
  }
}
