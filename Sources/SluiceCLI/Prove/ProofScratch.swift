import Foundation
import Spool

/// The directory that a proof makes for itself: a spool, a database, what the workers said.
struct ProofScratch {
  let path: String
  let spool: SpoolLayout

  var databasePath: String { path + "/main.db" }
  var logPath: String { path + "/worker.log" }
  var configPath: String { path + "/sluice.toml" }

  /// Makes it in a directory that is there.
  init(in parent: String) throws {
    var status = stat()
    guard stat(parent, &status) == 0 else {
      throw CommandFailure(
        .usage, "cannot use \(parent): \(String(cString: strerror(errno)))",
        hint: "name a directory on the disk that is to be tried")
    }
    var template = Array("\(parent)/sluice-prove-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw CommandFailure(
        .notDone, "cannot make a directory in \(parent): \(String(cString: strerror(errno)))",
        hint: "name a directory that this user may write to")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The defaults, whatever the configuration of the spool in use.
    try Directory(path: path).create("sluice.toml").write(Array("# The defaults.\n".utf8))
    spool = try SpoolLayout(path: path + "/spool", missing: .makeAll)
  }

  func remove() throws { try FileManager.default.removeItem(atPath: path) }

  /// The last line that a worker wrote; for messages.
  var lastWords: String {
    let log = FileManager.default.contents(atPath: logPath) ?? Data()
    return log.split(separator: 0x0A).last.map { String(decoding: $0, as: UTF8.self) } ?? "nothing"
  }
}
