import TestSupport
import Testing

@testable import Sluice

@Suite("A histogram of durations") struct LatencyHistogramTests {
  @Test("gives percentiles within one per cent of the sorted durations")
  func percentiles() {
    var random = SeededGenerator(seed: 7)
    var histogram = LatencyHistogram()
    var all: [Int64] = []
    for _ in 0..<20_000 {
      // From a microsecond to minutes, all magnitudes alike.
      let exponent = Double.random(in: 3...11, using: &random)
      let nanoseconds = Int64(pow10(exponent))
      all.append(nanoseconds)
      histogram.record(nanoseconds: nanoseconds)
    }
    all.sort()
    for percent in [50.0, 95, 99] {
      let exact = Double(all[Int(percent / 100 * Double(all.count)) - 1]) / 1e9
      let found = histogram.seconds(atPercentile: percent)
      #expect(abs(found - exact) <= exact * 0.011 + 1e-7, "\(percent): \(found) for \(exact)")
    }
    #expect(histogram.maximum == Double(all[all.count - 1]) / 1e9)
    #expect(histogram.count == 20_000)
  }

  private func pow10(_ exponent: Double) -> Double {
    var value = 1.0
    for _ in 0..<Int(exponent) { value *= 10 }
    return value * (1 + 9 * (exponent - exponent.rounded(.down)))
  }

  @Test("has a summary of nothing, and takes a negative duration for none")
  func edges() {
    var histogram = LatencyHistogram()
    #expect(histogram.summary == LatencySummary(count: 0, p50: 0, p95: 0, p99: 0, maximum: 0))
    histogram.record(nanoseconds: -5)
    #expect(histogram.summary == LatencySummary(count: 1, p50: 0, p95: 0, p99: 0, maximum: 0))
  }

  @Test("added to another it is as if all had been recorded in one")
  func sum() {
    var (left, right, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for number in 1...1000 {
      let nanoseconds = Int64(number) * 1_000_000
      if number % 3 == 0 {
        left.record(nanoseconds: nanoseconds)
      } else {
        right.record(nanoseconds: nanoseconds)
      }
      both.record(nanoseconds: nanoseconds)
    }
    left.add(right)
    #expect(left.summary == both.summary)
  }
}
