import Glibc
import Spool
import TestSupport
import Testing

/// Looks at every state that the life of two jobs of one name can reach, not at some.
@Suite("Job life")
struct JobLifeModelTests {
  /// Kills and power failures in one history, at most.
  private static let crashes =
    getenv("SLUICE_MODEL_CRASHES").flatMap { Int(String(cString: $0)) } ?? 1

  private static let pairs = JobLife.Kind.allCases.flatMap { first in
    JobLife.Kind.allCases.map { [first, $0] }
  }

  struct Exploration {
    var states = 0
    var depth = 0
    var violation: String?
  }

  /// Breadth first, until all is seen or something is wrong.
  private static func explore(
    _ kinds: [JobLife.Kind], crashes: Int, takes: Int = 1, _ rules: JobLifeRules = JobLifeRules()
  ) -> Exploration {
    var exploration = Exploration()
    let start = JobLife(kinds, crashes: crashes, takes: takes)
    var seen: Set<JobLife> = [start]
    var front = [start]
    while !front.isEmpty {
      var next: [JobLife] = []
      for state in front {
        if let violation = state.violation(rules) {
          exploration.violation = "\(violation): \(state)"
          return exploration
        }
        for follower in state.next(rules) where seen.insert(follower).inserted {
          next.append(follower)
        }
      }
      front = next
      exploration.depth += 1
    }
    exploration.states = seen.count
    return exploration
  }

  @Test("whatever crashes when, each job takes effect once and has its result")
  func correct() async throws {
    let begun = monotonicSeconds()
    let all = try await onOwnThread {
      Self.pairs.map { Self.explore($0, crashes: Self.crashes) }
    }
    for (pair, found) in zip(Self.pairs, all) {
      #expect(found.violation == nil, "\(pair): \(found.violation ?? "")")
    }
    let states = all.reduce(0) { $0 + $1.states }
    let depth = all.reduce(0) { max($0, $1.depth) }
    let seconds = monotonicSeconds() - begun
    print(
      "job life: \(states) states of \(all.count) pairs, \(Self.crashes) crashes each, up to "
        + "\(depth) steps deep, \(Int(seconds.rounded())) s")
  }

  struct Mistake: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var kinds: [JobLife.Kind]
    var rules: JobLifeRules

    init(
      _ description: String, _ kinds: [JobLife.Kind],
      _ plant: (inout JobLifeRules) -> Void
    ) {
      testDescription = description
      self.kinds = kinds
      rules = JobLifeRules()
      plant(&rules)
    }
  }

  private static let mistakes = [
    Mistake("publish before the commit", [.done, .done]) { $0.commitsFirst = false },
    Mistake("remove the file before the result stands", [.failed, .done]) {
      $0.publication = { plan in
        var steps = plan.steps
        steps.swapAt(steps.firstIndex(of: .publish) ?? 0, steps.count - 1)
        return steps
      }
    },
    Mistake("let no older read give way", [.read, .rejected]) {
      $0.publication = { $0.steps.filter { $0 != .giveWay } }
    },
    Mistake("settle rows before their results are durable", [.done, .done]) {
      $0.settlement = [.rows, .sync, .readFiles]
    },
    Mistake("remove a read's file before its result is durable", [.read, .done]) {
      $0.settlement = [.readFiles, .sync, .rows]
    },
    Mistake("settle rows at the start before their files' renames are durable", [.done, .done]) {
      $0.recovery = [.results, .settleResults, .settleRows, .files, .settleFiles]
    },
    Mistake("put files away at the start before the results are durable", [.done, .done]) {
      $0.recovery = [.files, .settleFiles, .settleRows, .results, .settleResults]
    },
    Mistake("look for no file whose claim was undone", [.done, .done]) {
      $0.decision = { recovery in
        var blind = recovery
        blind.hasTwin = false
        return blind.decision
      }
    },
    Mistake("believe that a result which stands is whole", [.done, .done]) {
      $0.decision = { recovery in
        var blind = recovery
        if blind.result == .empty { blind.result = .same }
        return blind.decision
      }
    },
    Mistake("take an older row's word against a later result without one", [.done, .rejected]) {
      $0.knowsLaterResults = false
    },
  ]

  @Test("a worker with a mistake in it is found out", arguments: mistakes)
  func mistaken(mistake: Mistake) async throws {
    let found = try await onOwnThread {
      [1, 2].lazy.map { Self.explore(mistake.kinds, crashes: $0, mistake.rules) }
        .first { $0.violation != nil }
    }
    #expect(found != nil)
  }
}

extension JobLife {
  /// The promise that this state breaks; nil where it breaks none.
  func violation(_ rules: JobLifeRules) -> String? {
    if effects.contains(where: { $0 > 1 }) { return "an effect twice" }
    let names = names
    if let result = names.result, kinds[result.job].hasRow,
      !rows.contains(where: { $0.ended == result.ended })
    {
      return "a result before it is durable"
    }
    // Of a read whose file a power failure brings back, or whose result was taken, nothing tells that
    // it had ended: it ends once more.
    if hasComeBack, !hasLostPower, taken == 0 { return "an older job's result over a newer one's" }
    guard isAtRest(rules) else { return nil }
    for (job, kind) in kinds.enumerated() where kind == .done && effects[job] == 0 {
      return "an effect lost"
    }
    if names.incoming != nil || !names.active.isEmpty { return "a file left" }
    return atRest(names)
  }

  private func atRest(_ names: Names) -> String? {
    if let result = names.result {
      if !result.isWhole { return "a result that is not whole" }
      if result.ended < outcomeCount, taken < outcomeCount { return "an older job's result" }
    } else if taken < outcomeCount {
      return "no result"
    }
    let putAway = kinds.indices.filter { kinds[$0].goesToFailed }
    if putAway.isEmpty { return names.failed == nil ? nil : "a file too many in failed/" }
    return names.failed.map(putAway.contains) == true ? nil : "no file in failed/"
  }
}
