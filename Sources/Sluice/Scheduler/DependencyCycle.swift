/// Finds the jobs that wait for each other in a circle; pure.
struct DependencyCycle {
  /// The jobs that a job waits for.
  let dependencies: (UInt64) -> [UInt64]
  /// The jobs that wait for a job.
  let dependents: (UInt64) -> [UInt64]

  /// Cycles longer than that are named by one of theirs, since each search costs its length.
  private static let namedMax = 100

  /// Every job that is on a circle with `key`, each with the way from it back to itself; nothing
  /// where there is none.
  func circles(through key: UInt64) -> [UInt64: [UInt64]] {
    let ahead = reachable(from: key, dependencies)
    guard ahead.contains(key) else { return [:] }
    let members = reachable(from: key, dependents).intersection(ahead)
    let own = circle(of: key, within: members)
    var circles: [UInt64: [UInt64]] = [:]
    for member in members {
      circles[member] =
        members.count > Self.namedMax ? own : circle(of: member, within: members)
    }
    return circles
  }

  /// Without `start` itself, unless a way leads back to it.
  private func reachable(from start: UInt64, _ next: (UInt64) -> [UInt64]) -> Set<UInt64> {
    var found: Set<UInt64> = []
    var open = next(start)
    while let key = open.popLast() {
      if found.insert(key).inserted { open += next(key) }
    }
    return found
  }

  /// The shortest way from `key` back to it, which ends with `key` again.
  private func circle(of key: UInt64, within members: Set<UInt64>) -> [UInt64] {
    var cameFrom: [UInt64: UInt64] = [:]
    var open = [key]
    var index = 0
    while index < open.count {
      let here = open[index]
      index += 1
      for next in dependencies(here).sorted() where members.contains(next) {
        if next == key { return way(to: here, cameFrom) + [key] }
        if cameFrom[next] == nil {
          cameFrom[next] = here
          open.append(next)
        }
      }
    }
    return [key, key]
  }

  private func way(to end: UInt64, _ cameFrom: [UInt64: UInt64]) -> [UInt64] {
    var way = [end]
    var here = end
    while let before = cameFrom[here] {
      way.append(before)
      here = before
    }
    return way.reversed()
  }
}
