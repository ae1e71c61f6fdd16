/// What compiling a statement showed that decides how it may run.
public struct StatementTraits: OptionSet, Sendable, Hashable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// It changes the schema: `sqlite_schema` must be looked at afterwards.
  public static let schemaChange = StatementTraits(rawValue: 1 << 0)
  /// It makes or uses a temporary object, which would outlive its job on a shared connection.
  public static let temporary = StatementTraits(rawValue: 1 << 1)
  /// It calls `changes()`, `total_changes()` or `last_insert_rowid()`.
  public static let counters = StatementTraits(rawValue: 1 << 2)
  /// It sets `foreign_keys`, which only works outside a transaction.
  public static let foreignKeysPragma = StatementTraits(rawValue: 1 << 3)
  /// It is a PRAGMA with a value that may be set.
  public static let settingPragma = StatementTraits(rawValue: 1 << 4)
  /// Its result may differ from one run to the next on the same data.
  public static let volatile = StatementTraits(rawValue: 1 << 5)
  /// It is an INSERT, REPLACE, UPDATE or DELETE, which sets `changes()`.
  public static let writesRows = StatementTraits(rawValue: 1 << 6)
  /// It is a PRAGMA that only looks; `sqlite3_stmt_readonly` denies that for `journal_mode`.
  public static let introspection = StatementTraits(rawValue: 1 << 8)
  /// It is BEGIN or COMMIT, which joins the job's transaction and must not be stepped.
  public static let transactionControl = StatementTraits(rawValue: 1 << 7)
}
