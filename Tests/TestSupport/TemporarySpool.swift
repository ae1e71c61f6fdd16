import Glibc
import Sluice
import Spool

/// A spool of its own below the directory for temporary files, gone when the test is.
///
/// Producers' steps are done as a producer does them: written under `tmp/` and renamed.
public final class TemporarySpool: Sendable {
  public let path: String
  public let layout: SpoolLayout

  public init() throws {
    path = try TemporarySpool.makeDirectory()
    layout = try SpoolLayout(path: path, missing: .makeAll)
  }

  /// Installs what `prepare` wants to know of the path before the layout is opened.
  public init(_ prepare: (_ path: String) -> Void) throws {
    path = try TemporarySpool.makeDirectory()
    prepare(path)
    layout = try SpoolLayout(path: path, missing: .makeAll)
  }

  deinit { TemporarySpool.remove(path) }

  /// A fresh empty directory; with the symlinks of its path resolved.
  public static func makeDirectory() throws -> String {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/sluice-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw FileError(.makeDirectory, path: base, errno: errno)
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes a directory and all that is in it, following no symlink.
  public static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    for name in names(path, hidden: true) { remove(path + "/" + name) }
    rmdir(path)
  }

  /// Drops a job file and returns its path.
  @discardableResult
  public func drop(
    _ name: String, _ content: String = #"{"sql":"SELECT 1"}"#, lane: IncomingLane = .root
  ) throws -> String {
    let scratch = layout.tmp
    let file = try scratch.create("drop-" + name)
    try file.write(Array(content.utf8))
    try scratch.rename("drop-" + name, to: layout.incoming(lane), name)
    return layout.incoming(lane).path + "/" + name
  }

  /// A file's content as text; nil where there is none.
  public func text(_ directory: Directory, _ name: String) throws -> String? {
    try directory.contents(name).map { String(decoding: $0, as: UTF8.self) }
  }

  public func result(_ name: String) throws -> String? { try text(layout.results, name) }

  /// The names in a directory, sorted; those that begin with a dot only if asked for.
  public func names(_ directory: Directory, hidden: Bool = false) -> [String] {
    Self.names(directory.path, hidden: hidden)
  }

  private static func names(_ path: String, hidden: Bool) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      // In place: the entry ends where its name does, before the array that it is declared with.
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name == "." || name == ".." || (!hidden && name.hasPrefix(".")) { continue }
      names.append(name)
    }
    return names.sorted()
  }
}
