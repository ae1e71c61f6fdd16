/// Reads and writes durations, sizes and permissions as people do: `10ms`, `7d`, `64MiB`, `0o027`.
enum SettingUnits {
  private struct Unit {
    var name: String
    /// Units in one second or one byte, for those that are smaller; otherwise 1.
    var divisor = 1.0
    var factor = 1.0
  }

  /// From the largest. Fractions of a second divide, so that `10ms` is exactly 0.01.
  private static let times = [
    Unit(name: "d", factor: 86_400), Unit(name: "h", factor: 3600), Unit(name: "m", factor: 60),
    Unit(name: "s"), Unit(name: "ms", divisor: 1000), Unit(name: "us", divisor: 1_000_000),
  ]
  private static let binarySizes = [
    Unit(name: "TiB", factor: 0x1p40), Unit(name: "GiB", factor: 0x1p30),
    Unit(name: "MiB", factor: 0x1p20), Unit(name: "KiB", factor: 0x1p10),
  ]
  private static let decimalSizes = [
    Unit(name: "TB", factor: 1e12), Unit(name: "GB", factor: 1e9), Unit(name: "MB", factor: 1e6),
    Unit(name: "kB", factor: 1e3), Unit(name: "B"),
  ]

  /// Seconds: a number, or a number and one of `us`, `ms`, `s`, `m`, `h`, `d`.
  static func seconds(_ text: String) -> Double? { read(text, units: times) }

  /// Bytes: a number, or a number and a unit; nil also for what is no whole number of bytes.
  static func bytes(_ text: String) -> Int? {
    // Beyond 53 bits a detour over reals would round what was written as an integer.
    if let bytes = Int(text) { return bytes }
    guard let bytes = read(text, units: binarySizes + decimalSizes) else { return nil }
    return Int(exactly: bytes)
  }

  /// Permission bits in octal: `0o027`, `027`, `27`.
  static func mode(_ text: String) -> UInt32? {
    let digits = text.hasPrefix("0o") ? text.dropFirst(2) : Substring(text)
    guard digits.utf8.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
    return UInt32(digits, radix: 8)
  }

  static func text(seconds: Double) -> String {
    for unit in times {
      let number = seconds / unit.factor * unit.divisor
      if number >= 1, number == number.rounded(), number < 1e15 { return whole(number) + unit.name }
    }
    return (Int(exactly: seconds).map(String.init) ?? String(seconds)) + "s"
  }

  static func text(bytes: Int) -> String {
    for unit in binarySizes + decimalSizes {
      let factor = Int(unit.factor)
      if bytes >= factor, bytes % factor == 0 { return "\(bytes / factor)\(unit.name)" }
    }
    return "\(bytes)B"
  }

  static func text(mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return "0o" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
  }

  private static func read(_ text: String, units: [Unit]) -> Double? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") }
    let name = text.dropFirst(number.count).drop { $0 == " " }
    guard let value = Double(number) else { return nil }
    if name.isEmpty { return number.count == text.count ? value : nil }
    guard let unit = units.first(where: { $0.name == name }) else { return nil }
    return value * unit.factor / unit.divisor
  }

  private static func whole(_ number: Double) -> String { String(Int(number)) }
}
