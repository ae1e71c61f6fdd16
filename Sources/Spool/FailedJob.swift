import JSON
import Sluice

/// A job in `failed/`, as far as its file tells.
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
