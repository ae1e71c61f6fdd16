import JSON
import Sluice
import Spool

/// Where a backup is made, and where it stands when it is whole: both in `results/`, whatever stood
/// there before. Any thread.
struct BackupFile: Sendable {
  private let results: Directory
  private let name: String

  /// - Parameter name: a plain file name.
  init(_ layout: SpoolLayout, name: String) {
    results = layout.results
    self.name = name
  }

  private var scratch: String { "." + name + ".tmp" }

  var scratchPath: String { results.path + "/" + scratch }

  /// Makes the finished copy durable and gives it its name.
  /// - Returns: what the result says of it, in JSON.
  func publish(pages: Int) throws(JobError) -> [UInt8] {
    do throws(FileError) {
      let file = try results.open(scratch)
      try file.sync()
      let bytes = try file.status().size
      // Replaces a symlink of that name, never what it points to.
      try results.rename(scratch, to: results, name)
      try results.sync()
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("to", name)
      writer.field("pages", pages)
      writer.field("bytes", bytes)
      writer.endObject()
      return writer.bytes
    } catch {
      throw JobError(
        .storage, "SQLITE_IOERR", "the copy cannot be put in place: \(error)", number: 10,
        hint: "remove results/\(name) if it is a directory, and make room")
    }
  }
}
