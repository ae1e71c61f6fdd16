/// What is known of each fingerprint; of a bounded number of them, and of all others together.
///
/// A pure value. A *tag* stands for a fingerprint's place: recording by it costs no look-up. Tags go
/// out of date when places are given to others, which `generation` tells.
struct StatementTable: Sendable {
  /// Places, that of the others included.
  static let capacity = 500
  /// Runs after which a fingerprint knows what is usual for it.
  private static let usualRuns = 100
  /// A run is unusual if it took so many times the median, and this long, in nanoseconds.
  private static let unusualFactor: Int64 = 10
  private static let unusualNanoseconds: Int64 = 10_000_000

  struct Entry: Sendable {
    var fingerprint: StatementFingerprint
    /// The generation in which it got its place: an older tag is not its own.
    var born: UInt32
    var errors = 0
    var rows: Int64 = 0
    var changes: Int64 = 0
    var cacheHits = 0
    var nanoseconds: Int64 = 0
    var histogram = LatencyHistogram()
    var lastRun = Timestamp(nanoseconds: 0)
    /// The median as of the last snapshot, in nanoseconds; 0 while it is not known.
    var usual: Int64 = 0
    var isFresh = true
  }

  private(set) var entries = [Entry(fingerprint: .others, born: 0)]
  private var places: [UInt64: Int] = [:]
  private var free: [Int] = []
  private(set) var generation: UInt32 = 1
  /// Fingerprints that found no place since the last time room was made.
  private var turnedAway = 0
  private(set) var forgotten = 0

  /// The tag of a fingerprint, which gets a place if there is one.
  mutating func tag(of fingerprint: StatementFingerprint) -> UInt64 {
    if let place = places[fingerprint.hash] { return tag(place) }
    guard let place = free.popLast() ?? (entries.count < Self.capacity ? entries.count : nil) else {
      turnedAway += 1
      return tag(0)
    }
    let entry = Entry(fingerprint: fingerprint, born: generation)
    if place == entries.count { entries.append(entry) } else { entries[place] = entry }
    places[fingerprint.hash] = place
    return tag(place)
  }

  private func tag(_ place: Int) -> UInt64 { UInt64(generation) << 32 | UInt64(place) }

  /// - Returns: what was usual for it, in nanoseconds, where this run was not.
  mutating func add(_ sample: StatementSample, now: Timestamp) -> Int64? {
    var place = Int(sample.tag & 0xffff_ffff)
    if place >= entries.count || entries[place].born > UInt32(sample.tag >> 32) { place = 0 }
    entries[place].add(sample, now: now)
    let usual = entries[place].usual
    guard usual > 0, place > 0, sample.nanoseconds >= Self.unusualNanoseconds,
      sample.nanoseconds > usual * Self.unusualFactor
    else { return nil }
    return usual
  }

  func fingerprint(ofTag tag: UInt64) -> StatementFingerprint {
    let place = Int(tag & 0xffff_ffff)
    return place < entries.count ? entries[place].fingerprint : .others
  }

  /// Learns what is usual, and gives a quarter of the places away if some were asked for in vain:
  /// those of fingerprints that have not run since last time, by the time they took altogether.
  mutating func refresh() {
    for place in entries.indices where entries[place].histogram.count >= Self.usualRuns {
      entries[place].usual = Int64(entries[place].histogram.seconds(atPercentile: 50) * 1e9)
    }
    if turnedAway > 0 { makeRoom() }
    for place in entries.indices { entries[place].isFresh = false }
  }

  private mutating func makeRoom() {
    let order = places.values.sorted { left, right in
      let (left, right) = (entries[left], entries[right])
      if left.isFresh != right.isFresh { return !left.isFresh }
      return left.nanoseconds < right.nanoseconds
    }
    for place in order.prefix(Self.capacity / 4) {
      entries[0].add(contentsOf: entries[place])
      places[entries[place].fingerprint.hash] = nil
      entries[place] = Entry(fingerprint: .others, born: .max)
      free.append(place)
      forgotten += 1
    }
    turnedAway = 0
    generation += 1
  }

  /// Those that have run, the one that took longest altogether first.
  var statistics: [StatementStatistics] {
    entries.filter { $0.histogram.count + $0.cacheHits > 0 }
      .sorted { $0.nanoseconds > $1.nanoseconds }.map(\.statistics)
  }
}

extension StatementTable.Entry {
  fileprivate mutating func add(_ sample: StatementSample, now: Timestamp) {
    isFresh = true
    lastRun = now
    if sample.isCacheHit {
      cacheHits += 1
      return
    }
    if sample.isError { errors += 1 }
    rows += Int64(sample.rows)
    changes += sample.changes
    nanoseconds += sample.nanoseconds
    histogram.record(nanoseconds: sample.nanoseconds)
  }

  fileprivate mutating func add(contentsOf other: StatementTable.Entry) {
    errors += other.errors
    rows += other.rows
    changes += other.changes
    cacheHits += other.cacheHits
    nanoseconds += other.nanoseconds
    histogram.add(other.histogram)
    lastRun = max(lastRun, other.lastRun)
  }

  var statistics: StatementStatistics {
    StatementStatistics(
      fingerprint: fingerprint, errors: errors, rows: rows, changes: changes, cacheHits: cacheHits,
      seconds: Double(nanoseconds) / 1e9, latency: histogram.summary, lastRun: lastRun)
  }
}

/// One run of a statement, as it is noted by the thread that ran it.
struct StatementSample: Sendable {
  /// Of its fingerprint.
  var tag: UInt64
  var nanoseconds: Int64
  var changes: Int64 = 0
  var rows: UInt32 = 0
  var isError = false
  /// It did not run: the cache had its result.
  var isCacheHit = false
}

/// What one fingerprint's statements did since the start.
public struct StatementStatistics: Sendable {
  public var fingerprint: StatementFingerprint
  public var errors: Int
  /// Rows returned.
  public var rows: Int64
  /// Rows inserted, updated or deleted.
  public var changes: Int64
  /// Times the cache had the result; they are not in `latency`.
  public var cacheHits: Int
  /// Running time of all runs together.
  public var seconds: Double
  public var latency: LatencySummary
  public var lastRun: Timestamp

  public var count: Int { latency.count }
}
