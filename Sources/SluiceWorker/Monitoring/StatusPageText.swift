import Sluice

/// How the status page writes numbers, times and text.
extension StatusPage {
  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  /// `12:34:56`, in UTC.
  static func clock(_ time: Timestamp) -> String { String(time.rfc3339.dropFirst(11).prefix(8)) }

  static func count(_ number: Int) -> String { grouped(String(number)) }

  private static func grouped(_ digits: String) -> String {
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202f}" }
      text.append(digit)
    }
    return text
  }

  static func rate(_ rate: Double) -> String {
    rate > 0 && rate < 10 ? decimal(rate, 1) : count(Int(rate.rounded()))
  }

  static func duration(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.000_999_5: "\(decimal(seconds * 1e6, seconds < 1e-5 ? 1 : 0)) µs"
    case ..<0.999_5: "\(decimal(seconds * 1e3, seconds < 0.01 ? 1 : 0)) ms"
    case ..<60: "\(decimal(seconds, 1)) s"
    case ..<3600: "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
    case ..<86_400: "\(Int(seconds) / 3600) h \(Int(seconds) / 60 % 60) min"
    default: "\(Int(seconds) / 86_400) d \(Int(seconds) / 3600 % 24) h"
    }
  }

  static func bytes(_ bytes: Int64) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
      if value < 1024 || unit == "TiB" {
        return "\(decimal(value, unit == "B" || value >= 100 ? 0 : 1)) \(unit)"
      }
      value /= 1024
    }
    return "\(bytes) B"
  }

  private static func decimal(_ value: Double, _ digits: Int) -> String {
    if digits == 0 { return String(Int(value.rounded())) }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

/// A small curve of a number over time.
enum Sparkline {
  static func svg(_ values: [Double]) -> String {
    guard values.count > 1, let top = values.max(), top > 0 else { return "" }
    let points = values.enumerated().map { index, value in
      let x = Double(index) / Double(values.count - 1) * 100
      return "\(Rounded.tenth(x)),\(Rounded.tenth(19 - value / top * 18))"
    }.joined(separator: " ")
    return """
      <svg viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">\
      <polyline points="\(points)"/></svg>
      """
  }
}
