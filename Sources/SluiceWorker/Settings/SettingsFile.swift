import Glibc
import TOMLKit

/// Reads a configuration file into values that know their lines.
struct SettingsFile {
  /// As it was named.
  var path: String
  /// What its relative paths start from: absolute, without symlinks.
  var directory: String
  var members: [String: SettingNode]

  /// Far more than every setting with its comments; what is larger is some other file.
  private static let bytesMax = 1 << 20

  /// - Parameters:
  ///   - path: as messages name it.
  ///   - currentDirectory: what it is relative to.
  init(path: String, currentDirectory: String) throws(SettingsError) {
    let place = SettingPath.absolute(path, from: currentDirectory)
    let text = try Self.text(path: path, place: place)
    let places = SettingPlaces(text)
    if let line = places.lineOfNamelessTable {
      throw SettingsError(
        .syntax, path: path, line: line, "not TOML: a table's name must follow its [")
    }
    let table: TOMLTable
    do {
      table = try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw SettingsError(.syntax, path: path, line: error.source.begin.line, Self.summary(error))
    } catch {
      throw SettingsError(.syntax, path: path, "\(error)")
    }
    self.path = path
    directory = SettingPath.realDirectory(SettingPath.directory(of: place))
    if let line = places.lineOfNUL { throw Self.refusedNUL(path, line) }
    let root = SettingNode(table, at: [], in: places, line: 1)
    guard case .table(let members) = root.value else {
      throw SettingsError(.syntax, path: path, "not a TOML table")
    }
    self.members = members
  }

  private static func text(path: String, place: String) throws(SettingsError) -> String {
    let descriptor = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SettingsError(.unreadable, path: path, "not a file")
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= bytesMax {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path, errno) }
      if count == 0 { break }
      bytes.append(contentsOf: chunk.prefix(count))
    }
    guard bytes.count <= bytesMax else {
      throw SettingsError(.unreadable, path: path, "larger than 1 MiB", hint: "is it another file?")
    }
    // The parser takes a C string: it would silently end at a NUL.
    if let zero = bytes.firstIndex(of: 0) {
      let line = 1 + bytes[..<zero].count { $0 == UInt8(ascii: "\n") }
      throw refusedNUL(path, line)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw SettingsError(.syntax, path: path, "not UTF-8, which TOML must be")
    }
    return text
  }

  private static func refusedNUL(_ path: String, _ line: Int) -> SettingsError {
    SettingsError(.syntax, path: path, line: line, "a NUL character, which no setting may have")
  }

  private static func unreadable(_ path: String, _ code: Int32) -> SettingsError {
    SettingsError(.unreadable, path: path, "cannot be read: \(String(cString: strerror(code)))")
  }

  /// The parser's words in one line.
  private static func summary(_ error: TOMLParseError) -> String {
    "not TOML: " + error.description.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
