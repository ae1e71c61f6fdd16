import Sluice

/// How many workers died in a row while they ran a job, by the job's sequence number.
///
/// Kept in `.suspects` in the spool, rewritten at the start of a worker: one line `SEQ DEATHS` for
/// each, and where it takes several transactions the number of the last one before it died.
public struct SuspectList: Sendable, Equatable {
  public private(set) var deaths: [UInt64: Int]
  /// The last transaction of each that had one, at its last death.
  private var commits: [UInt64: Int64] = [:]

  public init(deaths: [UInt64: Int] = [:]) { self.deaths = deaths }

  /// Deaths after which a job is given up.
  public static let deathsMax = 3
  static let name = ".suspects"

  /// The list after a worker ended like that with these jobs in flight.
  ///
  /// Only a death on a machine that lived on counts: a reboot says nothing of the jobs. A suspect
  /// that was not running keeps its count, and one that is no longer in `active/` is forgotten.
  /// - Parameter commits: the last transaction of jobs that take several. One that committed any
  ///   since its last death got further, whatever its worker still could note.
  public func after(
    _ end: PreviousEnd, inFlight: Set<UInt64>, present: Set<UInt64>,
    commits: [UInt64: Int64] = [:]
  ) -> SuspectList {
    var next = SuspectList(deaths: deaths.filter { present.contains($0.key) })
    next.commits = self.commits.filter { present.contains($0.key) }
    if end == .killed {
      for sequence in inFlight where present.contains(sequence) {
        if let commit = commits[sequence], commit > self.commits[sequence] ?? 0 {
          next.deaths[sequence] = 1
          next.commits[sequence] = commit
        } else {
          next.deaths[sequence, default: 0] += 1
        }
      }
    }
    return next
  }

  /// Jobs that are to be given up (`SLUICE_POISON`).
  public var poison: Set<UInt64> {
    Set(deaths.filter { $0.value >= Self.deathsMax }.keys)
  }

  /// Whether a job must run alone until it is known to be innocent.
  public func isSuspect(_ sequence: UInt64) -> Bool { deaths[sequence] != nil }

  /// The job ended, or a chunk of it is committed: it got further.
  public mutating func clear(_ sequence: UInt64) {
    deaths[sequence] = nil
    commits[sequence] = nil
  }

  // MARK: File

  /// Reads the list; a file that is not there, or damaged by a power failure, suspects nobody.
  public init(_ layout: SpoolLayout) throws(FileError) {
    deaths = [:]
    let content = try layout.root.contents(Self.name) ?? []
    for line in String(decoding: content, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 2 || parts.count == 3, let sequence = UInt64(parts[0]),
        let count = Int(parts[1]), count > 0
      else { continue }
      deaths[sequence] = count
      if parts.count == 3 { commits[sequence] = Int64(parts[2]) }
    }
  }

  /// Writes the list, whole and durably.
  public func save(_ layout: SpoolLayout) throws(FileError) {
    let lines = deaths.sorted { $0.key < $1.key }.map { sequence, count in
      "\(sequence) \(count)" + (commits[sequence].map { " \($0)" } ?? "") + "\n"
    }
    try layout.root.replaceDurably(Self.name, with: Array(lines.joined().utf8))
  }
}
