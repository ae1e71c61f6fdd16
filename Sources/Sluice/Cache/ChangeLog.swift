import SQLite

/// Knows which tables have changed since which moment, as far as that can be proved.
///
/// Time is counted in positions: each one is one state of the database, and `version` is what the
/// cache's own connection calls it. A change whose tables are known raises the position; any other
/// one raises the floor too, below which nothing is known.
struct ChangeLog: Sendable {
  /// The present state.
  private(set) var position = 0
  /// The oldest position from which all changes are known.
  private(set) var floor = 0
  /// `data_version` of the present state; nil before it was looked at.
  private(set) var version: Int64?
  /// The position that a table's last known change led to; only above the floor.
  private var lastChange: [String: Int] = [:]

  /// What is known of the time since a position.
  enum Verdict: Sendable, Equatable {
    case unchanged
    /// That table has changed.
    case changed(String)
    /// Anything may have changed.
    case unknown
  }

  /// The database has been found in the state `version`.
  /// - Returns: whether it has changed in a way that nobody told.
  mutating func observe(_ version: Int64) -> Bool {
    guard version != self.version else { return false }
    self.version = version
    forget()
    return true
  }

  /// The step from the present state to `version` is one commit that wrote to `tables` only.
  mutating func advance(to version: Int64, writing tables: Set<String>) {
    self.version = version
    position += 1
    for table in tables { lastChange[table] = position }
  }

  /// Nothing that was known holds any longer.
  mutating func forget() {
    position += 1
    floor = position
    lastChange.removeAll()
  }

  /// - Parameter tables: what is of interest; nil for everything.
  func verdict(since earlier: Int, of tables: Set<String>?) -> Verdict {
    if earlier < floor { return .unknown }
    if earlier == position { return .unchanged }
    guard let tables else { return .unknown }
    for table in tables {
      if let change = lastChange[table], change > earlier { return .changed(table) }
    }
    return .unchanged
  }
}
