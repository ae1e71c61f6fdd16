import ArgumentParser
import Sluice
import Spool

extension Priority: ExpressibleByArgument {
  public init?(argument: String) { self.init(name: argument) }

  public static var allValueStrings: [String] { allCases.map(\.name) }
}

/// Which lane a job goes into.
struct PriorityOption: ParsableArguments {
  @Option(help: "The lane: urgent, high, normal, low or bulk (else the job's own field counts).")
  var priority: Priority?

  var lane: IncomingLane {
    IncomingLane.allCases.first { $0.priority == priority } ?? .root
  }
}
