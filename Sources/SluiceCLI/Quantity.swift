/// Numbers as a person reads them.
enum Quantity {
  static func duration(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.000_999_5: "\(decimal(seconds * 1e6)) us"
    case ..<0.999_5: "\(decimal(seconds * 1e3)) ms"
    case ..<60: "\(decimal(seconds)) s"
    case ..<3600: "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
    case ..<86_400: "\(Int(seconds) / 3600) h \(Int(seconds) / 60 % 60) min"
    default: "\(Int(seconds) / 86_400) d \(Int(seconds) / 3600 % 24) h"
    }
  }

  static func bytes(_ bytes: Int64) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return "\(decimal(value)) \(unit)" }
      value /= 1024
    }
    return "\(decimal(value)) TiB"
  }

  static func percent(_ ratio: Double) -> String { "\(decimal(ratio * 100)) %" }

  /// Three digits, more or less.
  static func decimal(_ value: Double) -> String {
    if value >= 100 { return String(Int(value.rounded())) }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}
