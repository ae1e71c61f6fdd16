import SQLite

/// Finds out how SQLite goes about slow statements, on a connection of its own that lives for one
/// round; not for a thread that anybody waits for.
public struct QueryPlans: Sendable {
  private static let remembered = 200
  private static let perRound = 10
  /// Seconds after which a plan is asked for again: indexes come and go.
  private static let ageMax = 300.0

  private let path: String
  private var plans: [UInt64: (lines: [String], made: MonotonicTime)] = [:]

  public init(path: String) { self.path = path }

  /// The plans of these statements by fingerprint, a line for each step, inner steps indented by two
  /// spaces; none where there is none, as for a statement whose text is not whole.
  public mutating func plans(of statements: [SlowStatement]) -> [UInt64: [String]] {
    let now = MonotonicTime.now()
    plans = plans.filter { now.seconds(since: $0.value.made) < Self.ageMax }
    if plans.count > Self.remembered { plans.removeAll() }
    var wanted: [UInt64: SlowStatement] = [:]
    for statement in statements where statement.isWhole {
      let hash = statement.fingerprint.hash
      if plans[hash] == nil, wanted.count < Self.perRound, Self.hasPlan(statement.sql) {
        wanted[hash] = statement
      }
    }
    if !wanted.isEmpty, let connection = try? Connection(path: path, role: .reader) {
      for (hash, statement) in wanted {
        guard let lines = try? Self.plan(of: statement.sql, on: connection) else { continue }
        plans[hash] = (lines, now)
      }
    }
    return plans.mapValues(\.lines)
  }

  /// Preparing a PRAGMA executes it, also to explain it.
  private static func hasPlan(_ sql: String) -> Bool {
    switch SQLKeyword(of: sql) {
    case .select, .values, .with, .insert, .replace, .update, .delete: true
    case .explain, .pragma, .begin, .commit, .rollback, .savepoint, .release, .vacuum, .other,
      .none:
      false
    }
  }

  private static func plan(
    of sql: String, on connection: borrowing Connection
  ) throws(SQLiteError) -> [String] {
    let statement = try connection.prepareOwn("EXPLAIN QUERY PLAN " + sql)
    var lines: [String] = []
    var depths: [Int64: Int] = [0: 0]
    while try statement.step() {
      let depth = depths[statement.integer(1)] ?? 0
      depths[statement.integer(0)] = depth + 1
      guard case .text(let detail) = statement.value(3) else { continue }
      lines.append(String(repeating: "  ", count: depth) + detail)
    }
    return lines
  }
}
