/// Which reads may be kept, and for how long, by the text of their SQL.
public struct CacheRules: Sendable, Equatable {
  public struct Rule: Sendable, Equatable {
    /// A GLOB over the SQL, white space collapsed, case ignored.
    public var match: String
    /// The longest that a result is served; 0 keeps what matches out of the cache.
    public var seconds: Double

    public init(match: String, seconds: Double) {
      self.match = match
      self.seconds = seconds
    }
  }

  /// The first that matches counts.
  public let rules: [Rule]
  private let patterns: [GlobPattern]

  public init(_ rules: [Rule] = []) {
    self.rules = rules
    patterns = rules.map { GlobPattern(Self.collapsed($0.match)) }
  }

  /// For how many seconds the result of `job` may be served: what the job says, else what the rules
  /// say, where the shortest of its statements counts.
  /// - Returns: nil where it may not be.
  public func seconds(for job: Job) -> Double? {
    if let asked = job.cacheSeconds { return asked > 0 ? asked : nil }
    if rules.isEmpty { return nil }
    var shortest = Double.infinity
    for statement in job.statements {
      guard let seconds = seconds(forSQL: statement.sql), seconds > 0 else { return nil }
      shortest = min(shortest, seconds)
    }
    return shortest.isFinite ? shortest : nil
  }

  /// What the first rule that matches says, or nil.
  public func seconds(forSQL sql: String) -> Double? {
    let text = Self.collapsed(sql)
    return patterns.firstIndex { $0.matches(text) }.map { rules[$0].seconds }
  }

  /// Runs of white space become one space; none stands at the ends.
  static func collapsed(_ sql: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(sql.utf8.count)
    var isSpaceDue = false
    for byte in sql.utf8 {
      if byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) {
        isSpaceDue = !bytes.isEmpty
      } else {
        if isSpaceDue { bytes.append(0x20) }
        isSpaceDue = false
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
