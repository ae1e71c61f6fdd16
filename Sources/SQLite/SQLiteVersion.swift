import CSQLite

/// A release of the SQLite library.
public struct SQLiteVersion: Sendable, Equatable, Comparable {
  /// As `sqlite3_libversion_number` counts: 3.40.1 is 3040001.
  public var number: Int32

  public init(_ major: Int32, _ minor: Int32, _ patch: Int32) {
    number = major * 1_000_000 + minor * 1000 + patch
  }

  /// The one that this program runs with.
  public static var linked: SQLiteVersion {
    var version = SQLiteVersion(0, 0, 0)
    version.number = sqlite3_libversion_number()
    return version
  }

  /// `3.40.1`
  public var text: String {
    "\(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000)"
  }

  public static func < (left: SQLiteVersion, right: SQLiteVersion) -> Bool {
    left.number < right.number
  }

  /// Whether a checkpoint beside another one can lose committed rows: 3.7.0 to 3.51.2, but for the
  /// later releases of 3.44 and 3.50 that have the correction.
  public var hasWALResetBug: Bool {
    let isMended =
      (SQLiteVersion(3, 44, 6)..<SQLiteVersion(3, 45, 0)).contains(self)
      || (SQLiteVersion(3, 50, 7)..<SQLiteVersion(3, 51, 0)).contains(self)
    return (SQLiteVersion(3, 7, 0)...SQLiteVersion(3, 51, 2)).contains(self) && !isMended
  }
}
