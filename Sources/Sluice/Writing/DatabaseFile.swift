import Glibc
import SQLite

/// Tells whether a path still names the database file that was opened: SQLite goes on with that one
/// when another is moved into its place. Any thread; a look costs 1 µs.
final class DatabaseFile: Sendable {
  private struct Identity: Equatable {
    var device: dev_t
    var inode: ino_t

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = status.st_dev
      inode = status.st_ino
    }
  }

  private let path: String
  private let opened = Monitor<Identity?>(nil)

  init(_ path: String) { self.path = path }

  /// The database was opened; the first time counts.
  func noteOpened() {
    opened.withLock { $0 = $0 ?? Identity(path) }
  }

  /// True where the path names another file than at first, or none.
  var isReplaced: Bool {
    guard let opened = opened.withLock({ $0 }) else { return false }
    return Identity(path) != opened
  }
}

extension WriterThread {
  /// More writes could spread the damage, and what they answer could be wrong.
  func setAside(_ damage: SQLiteError) {
    status.update { $0.isSetAside = true }
    status.pauses(
      "nothing more is written to \(configuration.path), which is damaged: \(damage.message)"
        + " (\(damage.name)); reads go on and writes wait: restore a backup or mend it"
        + " (sqlite3's .recover, REINDEX), then start the worker anew")
  }
}

extension SQLiteError {
  /// What is written to a file that is the database no more would be lost.
  static let databaseMoved = SQLiteError(
    code: 1032,
    message: "that is not the file that was opened: it was moved, removed or replaced; put it back,"
      + " or start the worker anew for the one that is there now")
}
