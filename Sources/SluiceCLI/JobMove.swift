import Glibc
import JSON
import Spool

/// Moves jobs that nobody runs from one directory of the spool to another.
///
/// One that the worker claims meanwhile stays its own; one whose name is taken in the target stays
/// where it is.
struct JobMove {
  let spool: SpoolLayout
  let sources: [SpoolInventory.Place]
  let target: Target

  enum Target: Equatable {
    case place(SpoolInventory.Place)
    /// The lane that each came from before it failed or was held.
    case laneBefore
  }

  /// What became of the names that were asked for.
  struct Report {
    var moved: [JobName] = []
    var failures: [CommandFailure] = []

    /// Prints what was moved and throws the first failure, having told of the others.
    func finish(json: Bool) throws {
      if json {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("moved")
        writer.beginArray()
        for job in moved { writer.string(job.text) }
        writer.endArray()
        writer.endObject()
        Output.document(writer.bytes)
      } else {
        for job in moved { Output.line(job.text) }
      }
      for failure in failures.dropLast() { failure.report() }
      if let last = failures.last { throw last }
    }
  }

  /// Moves the jobs of these names and globs (`*`, `?`, `[…]`), and makes the moves durable.
  func move(_ patterns: [String]) throws -> Report {
    var report = Report()
    var touched: [SpoolInventory.Place] = []
    for pattern in patterns {
      let found = try matches(pattern)
      if found.isEmpty {
        report.failures.append(nothing(pattern))
      }
      for (job, source) in found {
        do throws(CommandFailure) {
          let place = try move(job, from: source)
          report.moved.append(job)
          // Where a job arrives first: a crash must not leave it nowhere.
          if !touched.contains(place) { touched.insert(place, at: 0) }
          if !touched.contains(source) { touched.append(source) }
        } catch {
          report.failures.append(error)
        }
      }
    }
    let inventory = SpoolInventory(spool: spool)
    for place in touched { try inventory.directory(place).sync() }
    return report
  }

  private func matches(
    _ pattern: String
  ) throws -> [(job: JobName, source: SpoolInventory.Place)] {
    let inventory = SpoolInventory(spool: spool)
    let exact = SpoolInventory.isGlob(pattern) ? nil : try JobName.argument(pattern)
    var found: [(job: JobName, source: SpoolInventory.Place)] = []
    for source in sources {
      if let exact {
        let status = try inventory.directory(source).status(exact.text)
        if status?.kind == .regular { found.append((exact, source)) }
      } else {
        found += try inventory.jobs(matching: pattern, in: source).map { ($0, source) }
      }
    }
    return found
  }

  private func place(of job: JobName, from source: SpoolInventory.Place) -> SpoolInventory.Place {
    switch target {
    case .place(let place): place
    case .laneBefore: .incoming(notes(of: source)?.lane(of: job) ?? .root)
    }
  }

  /// Nil of a place that itself says which lane a job has.
  private func notes(of place: SpoolInventory.Place) -> LaneNotes? {
    switch place {
    case .failed: .failed(spool)
    case .hold: .held(spool)
    case .incoming, .active, .results: nil
    }
  }

  /// - Returns: where it is now.
  private func move(
    _ job: JobName, from source: SpoolInventory.Place
  ) throws(CommandFailure) -> SpoolInventory.Place {
    guard job.kind != .foreign else {
      throw CommandFailure(
        .badData, "\(job.text) was rejected for its name",
        hint: "submit it again under a better one: sluice submit --name NAME FILE")
    }
    let inventory = SpoolInventory(spool: spool)
    let target = place(of: job, from: source)
    do throws(FileError) {
      try inventory.directory(source).renameNew(
        job.text, to: inventory.directory(target), job.text)
      notes(of: source)?.forget(job)
      if case .incoming(let lane) = source { notes(of: target)?.note(lane, of: job) }
      return target
    } catch {
      switch error.errno {
      case ENOENT:
        throw CommandFailure(
          .notDone, "\(job.text) has just left \(source.path)/",
          hint: "see where it is with: sluice show \(job.text)")
      case EEXIST:
        throw CommandFailure(
          .notDone, "\(job.text) is in \(target.path)/ already",
          hint: "move or remove that one first")
      default: throw CommandFailure(.notDone, error.description)
      }
    }
  }

  private func nothing(_ pattern: String) -> CommandFailure {
    if target == .place(.hold), let job = JobName(pattern),
      (try? SpoolInventory(spool: spool).isActive(job)) == true
    {
      return CommandFailure(
        .notDone, "\(pattern) is claimed already",
        hint: "cancel it, or pause its database or priority with a control job")
    }
    let places = sources.count == 1 ? sources[0].path + "/" : "incoming/"
    return CommandFailure(
      .notDone, "no job \(pattern) in \(places)", hint: "see what there is with: sluice list --all")
  }
}
