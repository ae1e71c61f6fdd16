import Glibc
import Sluice
import Spool

/// Sees what is in a spool's directories, from outside and without disturbing the worker.
///
/// Each directory is looked at by itself: a job that moves meanwhile may be seen twice, but one
/// that moves forward (incoming, active) is not missed.
struct SpoolInventory {
  let spool: SpoolLayout

  /// Where a job's file, or its result, is.
  enum Place: Equatable {
    case incoming(IncomingLane)
    case active
    case hold
    case failed
    case results

    /// The directory, from the spool's own.
    var path: String {
      switch self {
      case .incoming(let lane): lane.path
      case .active: "active"
      case .hold: "hold"
      case .failed: "failed"
      case .results: "results"
      }
    }

    /// The word for a job that is there.
    var state: String {
      switch self {
      case .incoming: "waiting"
      case .active: "active"
      case .hold: "held"
      case .failed: "failed"
      case .results: "done"
      }
    }
  }

  /// One job seen in one place.
  struct Sighting {
    var job: JobName
    var place: Place
    /// The name of its file there.
    var file: String
    /// The directory it came by; nil where the place does not say.
    var lane: IncomingLane?
    /// When it got there; of a claimed job, when it arrived.
    var time: Timestamp
    /// Bytes.
    var size: Int64
  }

  /// Every place in which a job may wait or run, in the order in which jobs move.
  static let pendingPlaces =
    [Place.hold] + IncomingLane.allCases.map { Place.incoming($0) } + [Place.active]

  func directory(_ place: Place) -> Directory {
    switch place {
    case .incoming(let lane): spool.incoming(lane)
    case .active: spool.active
    case .hold: spool.hold
    case .failed: spool.failed
    case .results: spool.results
    }
  }

  /// Whether a job of that name waits or runs.
  func isPending(_ job: JobName) throws -> Bool {
    for place in Self.pendingPlaces where try !sightings(of: job, in: place).isEmpty { return true }
    return false
  }

  /// Whether the worker has claimed a job of that name.
  func isActive(_ job: JobName) throws -> Bool { try !sightings(of: job, in: .active).isEmpty }

  /// Where jobs of that name are: on their way first, then in `failed/`.
  func sightings(of job: JobName) throws -> [Sighting] {
    var found: [Sighting] = []
    for place in Self.pendingPlaces + [.failed] { found += try sightings(of: job, in: place) }
    return found
  }

  private func sightings(of job: JobName, in place: Place) throws -> [Sighting] {
    // Only there the file's name is not the job's.
    if place == .active { return try sightings(in: .active).filter { $0.job == job } }
    return try sighting(file: job.text, job: job, in: place).map { [$0] } ?? []
  }

  /// All jobs in one place, in the file system's order; files that are no jobs are left out.
  func sightings(in place: Place) throws -> [Sighting] {
    var found: [Sighting] = []
    try forEachFile(in: place) { file in
      guard let job = Self.job(of: file, in: place) else { return }
      if let sighting = try sighting(file: file, job: job, in: place) { found.append(sighting) }
    }
    return found
  }

  /// Whether a name stands for all that match it (`*`, `?`, `[…]`).
  static func isGlob(_ name: String) -> Bool { name.contains { "*?[".contains($0) } }

  /// The jobs in one place whose names match a glob.
  func jobs(matching glob: String, in place: Place) throws -> [JobName] {
    try sightings(in: place).filter { $0.lane != .control }.map(\.job)
      .filter { $0.kind != .foreign && fnmatch(glob, $0.text, 0) == 0 }
  }

  /// How many jobs are in one place.
  func count(in place: Place) throws -> Int {
    var count = 0
    try forEachFile(in: place) { file in
      if Self.job(of: file, in: place) != nil { count += 1 }
    }
    return count
  }

  private func forEachFile(
    in place: Place, _ body: (String) throws -> Void
  ) throws {
    var reader = try DirectoryReader(directory(place))
    while let entry = try reader.next() { try body(String(cString: entry.name)) }
  }

  /// The job that a file stands for; nil for what is no job's.
  private static func job(of file: String, in place: Place) -> JobName? {
    switch place {
    case .active:
      guard let claim = ClaimedName(file) else { return nil }
      return claim.job
    case .results: return job(ofResult: file)
    case .incoming, .hold, .failed: return JobName(file)
    }
  }

  /// The job whose result a file is; nil for a file of rows or of lines.
  private static func job(ofResult file: String) -> JobName? {
    guard file.hasSuffix(".json"), !file.hasPrefix(".") else { return nil }
    if let job = JobName(String(file.dropLast(5))), job.kind != .json { return job }
    return JobName(file)
  }

  private func sighting(
    file: String, job: JobName, in place: Place
  ) throws -> Sighting? {
    let status = try directory(place).status(file)
    guard let status, status.kind == .regular else { return nil }
    let claim = place == .active ? ClaimedName(file) : nil
    var lane = claim?.lane
    if case .incoming(let own) = place { lane = own }
    return Sighting(
      job: job, place: place, file: file, lane: lane,
      time: claim?.arrival ?? Timestamp(nanoseconds: status.changed), size: status.size)
  }
}
