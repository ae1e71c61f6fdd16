import Glibc
import JSON
import Spool

/// What a producer and a consumer do with a spool, and what an operator sees of it.
extension TemporarySpool {
  /// Writes a job in place, as `>` and `cp` do.
  public func write(_ name: String, _ content: String, lane: IncomingLane = .root) throws {
    let file = try layout.incoming(lane).create(name)
    try file.write(Array(content.utf8))
  }

  /// The result of that name as JSON; nil while there is none.
  public func parsedResult(_ name: String) throws -> JSONNode? {
    guard let bytes = try layout.results.contents(name) else { return nil }
    return try JSONReader.parse(bytes)
  }

  /// Waits for a result.
  public func awaitedResult(_ name: String, within seconds: Double = 20) throws -> JSONNode {
    var result: JSONNode?
    _ = try eventually(within: seconds) {
      result = try parsedResult(name)
      return result != nil
    }
    if let result { return result }
    let active = activeJobs.map(\.text)
    let metrics = try layout.monitor.contents("metrics.json") ?? []
    throw NoResult(
      name: name,
      found:
        "incoming: \(incomingFiles), active: \(active), \(String(decoding: metrics, as: UTF8.self))"
    )
  }

  public struct NoResult: Error, CustomStringConvertible {
    public var name: String
    /// What there is instead: a stall that nobody can repeat must tell where the job was.
    public var found: String
    public var description: String { "no result \(name); \(found)" }
  }

  /// Every job in `active/`.
  public var activeJobs: [ClaimedName] {
    names(layout.active).compactMap { ClaimedName($0) }
  }

  /// Job files that nobody has claimed.
  public var incomingFiles: [String] {
    IncomingLane.allCases.flatMap { lane in
      names(layout.incoming(lane), hidden: true).filter { IncomingLane(rawValue: $0) == nil }
    }
  }

  /// What the worker notes of the jobs that run, by sequence number: the writer's up to the first
  /// zero, then the readers'.
  public func jobsInFlight(database: String = "main") throws -> Set<UInt64> {
    let bytes = try layout.root.contents(".inflight-" + database) ?? []
    let words = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    let written = words.prefix { $0 != 0 }
    let read = words.dropFirst(InFlightRecord.groupMax + 1).filter { $0 != 0 }
    return Set(written).union(read)
  }

  /// Makes the next worker believe that the machine was restarted since the last one.
  public func forgetBoot() throws {
    let text = String(decoding: try layout.root.contents(SpoolLayout.lockName) ?? [], as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard line.hasPrefix("boot=") else { return String(line) }
      return "boot=" + String(repeating: "0", count: line.utf8.count - 5)
    }
    let file = try layout.root.openForUpdate(SpoolLayout.lockName)
    try file.write(Array(lines.joined(separator: "\n").utf8), at: 0)
  }
}

extension JSONNode {
  public var status: String? { self["status"]?.string }
  public var errorCode: String? { self["error"]?["code"]?.string }
  public var errorKind: String? { self["error"]?["kind"]?.string }
  public var commit: Int64? { self["commit"]?.integer }
  /// The first value of the first row of the first statement.
  public var firstValue: JSONNode? { self["statements"]?[0]?["rows"]?[0]?[0] }
}
