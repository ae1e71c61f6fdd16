import Foundation
import JSON
import Spool
import TestSupport

extension TemporarySpool {
  /// Runs a command on this spool.
  func sluice(_ arguments: String..., input: String = "") throws -> SluiceProcess {
    try SluiceProcess.run(arguments, input: input, environment: ["SLUICE_SPOOL": path])
  }

  /// Puts a file into the spool, by rename.
  func put(_ text: String, at file: String) throws {
    let scratch = path + "/tmp/.scratch-" + UUID().uuidString
    try Data(text.utf8).write(to: URL(fileURLWithPath: scratch))
    guard rename(scratch, path + "/" + file) == 0 else { throw CocoaError(.fileWriteUnknown) }
  }

  /// The content of a file in the spool; nil where it is not.
  func text(_ file: String) -> String? {
    FileManager.default.contents(atPath: path + "/" + file).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// The names of files in one of the spool's directories, sorted.
  func files(_ directory: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/" + directory)) ?? []
    return names.sorted().filter { name in
      var isDirectory: ObjCBool = false
      let found = FileManager.default.fileExists(
        atPath: "\(path)/\(directory)/\(name)", isDirectory: &isDirectory)
      return found && !isDirectory.boolValue
    }
  }

  /// The first event of that kind in `events.jsonl`, waited for.
  func awaitedEvent(_ kind: String) throws -> JSONNode? {
    var found: JSONNode?
    _ = try eventually {
      let bytes = try layout.monitor.contents("events.jsonl") ?? []
      found = try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONReader.parse($0) }
        .first { $0["event"]?.string == kind }
      return found != nil
    }
    return found
  }
}
