import JSON

/// The text of an import's job, changed so that dropping it again goes on where it ended.
public enum ImportJobText {
  /// The line from which an import is to go on whose result this is; nil where it did not end
  /// part-way.
  public static func nextLine(afterResult result: [UInt8]) -> Int? {
    let root = try? JSONReader.parse(
      result, maximumDepth: JSONReader.depthCeiling, verbatim: ["meta"])
    guard let line = root?["committed_through"]?.integer, line < Int64(Int.max) else { return nil }
    return Int(line) + 1
  }

  /// The same text with that `from_line`, and nothing else changed; nil where it is no import.
  static func setting(fromLine line: Int, in text: [UInt8]) -> [UInt8]? {
    let root = try? JSONReader.parse(
      text, maximumDepth: JSONReader.depthCeiling, verbatim: ["meta"])
    guard let request = root?["import"], request.object != nil else { return nil }
    let range: Range<Int>
    let new: String
    if let old = request["from_line"] {
      range = old.range
      new = "\(line)"
    } else {
      let start = request.range.lowerBound + 1
      range = start..<start
      new = "\"from_line\":\(line),"
    }
    return text[..<range.lowerBound] + Array(new.utf8) + text[range.upperBound...]
  }
}
