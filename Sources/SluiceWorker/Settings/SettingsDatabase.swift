extension Settings {
  /// `[databases.NAME]`: a file that jobs know by a name.
  public struct Database: Sendable, Equatable {
    /// What a job means that names none.
    public static let mainName = "main"

    public var name: String
    public var path: String
    /// Whether foreign keys are enforced in it.
    public var foreignKeys: Bool

    public init(name: String, path: String, foreignKeys: Bool = false) {
      self.name = name
      self.path = path
      self.foreignKeys = foreignKeys
    }

    /// Whether a database may be called so: the name stands in results, metrics and messages.
    static func isName(_ name: String) -> Bool {
      guard (1...64).contains(name.utf8.count), let first = name.utf8.first else { return false }
      return isLetterOrDigit(first) && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      default: false
      }
    }
  }
}
