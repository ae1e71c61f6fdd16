/// Reads Prometheus' text format as strictly as its own parser, and remembers every sample.
struct PrometheusText {
  struct Malformed: Error, CustomStringConvertible {
    var line: String
    var why: String
    var description: String { "\(why): \(line)" }
  }

  /// `name{label="value"}` as it stands, and the number.
  private(set) var samples: [String: Double] = [:]
  private(set) var types: [String: String] = [:]
  private var helps: Set<String> = []
  private var current: String?

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Malformed(line: "", why: "the last line has no end") }
    for line in text.split(separator: "\n") { try read(String(line)) }
  }

  private mutating func read(_ line: String) throws {
    if let help = line.wholeMatch(of: #/# HELP ([a-z_:][a-z0-9_:]*) (\S.*)/#) {
      guard helps.insert(String(help.1)).inserted else {
        throw Malformed(line: line, why: "a second HELP")
      }
      return
    }
    if let type = line.wholeMatch(of: #/# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)/#) {
      let name = String(type.1)
      guard helps.contains(name), types[name] == nil else {
        throw Malformed(line: line, why: "TYPE without HELP, or a second one")
      }
      types[name] = String(type.2)
      current = name
      return
    }
    let sample = #/([a-z_:][a-z0-9_:]*)(\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (\S+)/#
    guard let found = line.wholeMatch(of: sample), let value = Double(String(found.3)) else {
      throw Malformed(line: line, why: "no sample")
    }
    guard let current, let type = types[current] else {
      throw Malformed(line: line, why: "a sample of no family")
    }
    let name = String(found.1)
    let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    guard suffixes.contains(where: { name == current + $0 }) else {
      throw Malformed(line: line, why: "a sample of another family than \(current)")
    }
    guard (type == "counter") == current.hasSuffix("_total") else {
      throw Malformed(line: line, why: "counters, and they alone, end in _total")
    }
    guard samples.updateValue(value, forKey: name + (found.2.map(String.init) ?? "")) == nil else {
      throw Malformed(line: line, why: "a sample twice")
    }
  }
}
