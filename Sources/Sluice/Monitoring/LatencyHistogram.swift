import Histogram

/// Durations by how many were about that long: within 1 %, from a tenth of a microsecond on.
///
/// Source: Gil Tene's HdrHistogram (<https://hdrhistogram.github.io/HdrHistogram/>), two significant
/// digits, in its implementation for Swift.
///
/// Grows with the longest one recorded: 10 KiB for milliseconds, 20 KiB for minutes.
public struct LatencyHistogram: Sendable {
  /// In units of 100 ns. The counts have 64 bits, since one that overflows traps: 32 bits would last
  /// for half a day of a busy worker.
  private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .two)
  private var longest: Int64 = 0

  public init() {}

  /// - Parameter nanoseconds: a negative one counts as none.
  public mutating func record(nanoseconds: Int64) {
    histogram.record(UInt64(max(0, nanoseconds)) / 100)
    longest = max(longest, nanoseconds)
  }

  public mutating func add(_ other: LatencyHistogram) {
    histogram.add(other.histogram)
    longest = max(longest, other.longest)
  }

  public var count: Int { Int(histogram.totalCount) }

  /// Seconds that `percent` of the durations did not exceed; 0 where there are none.
  public func seconds(atPercentile percent: Double) -> Double {
    guard histogram.totalCount > 0 else { return 0 }
    return min(Double(histogram.valueAtPercentile(percent)) / 1e7, maximum)
  }

  /// Seconds; exact.
  public var maximum: Double { Double(longest) / 1e9 }

  public var summary: LatencySummary {
    LatencySummary(
      count: count, p50: seconds(atPercentile: 50), p95: seconds(atPercentile: 95),
      p99: seconds(atPercentile: 99), maximum: maximum)
  }
}

/// What is told of many durations, in seconds.
public struct LatencySummary: Sendable, Equatable {
  public var count: Int
  public var p50: Double
  public var p95: Double
  public var p99: Double
  public var maximum: Double
}
