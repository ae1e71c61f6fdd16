import JSON
import Sluice

/// A job in `failed/`, as far as its own file and its result tell.
public struct FailedJob {
  /// Bytes of the file that are looked at: a field may stand behind others, hardly behind more.
  private static let headBytes = 64 << 10

  private let layout: SpoolLayout
  private let name: JobName

  public init(_ name: JobName, in layout: SpoolLayout) {
    self.name = name
    self.layout = layout
  }

  public var id: String? {
    get throws(FileError) { try fields(["id"])["id"] }
  }

  /// Where it goes to be tried again at the priority that it had: a job without one of its own took
  /// it from its lane, which its result tells. Without a result that is `incoming/` itself.
  public var lane: IncomingLane {
    get throws(FileError) {
      guard try fields(["priority"])["priority"] == nil,
        let head = try layout.results.head(name.result, bytes: ObjectHead.resultBytes)
      else { return .root }
      let told = ObjectHead.strings(["job", "priority"], in: head)
      guard told["job"] == name.text, let word = told["priority"],
        let priority = Priority(name: word), priority != .normal
      else { return .root }
      return IncomingLane.allCases.first { $0.priority == priority } ?? .root
    }
  }

  /// The strings among its own fields: those of its header where it has one.
  private func fields(_ names: Set<String>) throws(FileError) -> [String: String] {
    guard var head = try layout.failed.head(name.text, bytes: Self.headBytes) else { return [:] }
    switch name.kind {
    case .json: break
    case .sql:
      guard let start = Self.place(behind: "-- sluice:", in: head) else { return [:] }
      head = head[start...]
    case .jsonl:
      guard let start = Self.place(behind: "{\"sluice\":", in: head) else { return [:] }
      head = head[start...]
    case .foreign: return [:]
    }
    return ObjectHead.strings(names, in: head)
  }

  /// The place behind `prefix`, in which blanks are no matter.
  private static func place(behind prefix: StaticString, in text: ArraySlice<UInt8>) -> Int? {
    var index = text.startIndex
    func skipBlanks() {
      while index < text.endIndex, [0x20, 0x09, 0x0a, 0x0d].contains(text[index]) { index += 1 }
    }
    for offset in 0..<prefix.utf8CodeUnitCount where prefix.utf8Start[offset] != 0x20 {
      skipBlanks()
      guard index < text.endIndex, text[index] == prefix.utf8Start[offset] else { return nil }
      index += 1
    }
    return index
  }
}
