import CSQLite

/// Decides what a job's SQL may do, while SQLite compiles it; used on its connection's thread.
///
/// SQLite also asks it when a statement is compiled again because the schema changed, so whoever
/// steps a statement says first whose it is (`subject`).
public final class Authorizer {
  public enum Subject: Sendable {
    /// The engine's own statement: everything is allowed.
    case engine
    /// A command of an operator's, which may be stopped: everything is allowed.
    case command
    /// A job's statement on a connection that may write.
    case writer
    /// A job's statement on a connection for reads: what sets a value must go to the writer.
    case reader

    var mayDoAll: Bool { self == .engine || self == .command }
  }

  /// Why a statement was refused, and what to do instead.
  public struct Denial: Sendable, Equatable {
    public var message: String
    public var hint: String
    /// True where the writer would allow it.
    public var needsWriter = false
  }

  /// Whose statement is compiled or stepped next.
  public var subject: Subject = .engine
  /// First keyword of the statement that is compiled; nil while an old one is compiled again.
  var leadingKeyword: SQLKeyword?
  /// Set when something was refused; the error that SQLite gives then says only "not authorized".
  public private(set) var denial: Denial?
  private(set) var traits: StatementTraits = []
  /// What has been compiled since the last `takeUse`, whosever it is.
  private var use = TableUse()
  /// Something has been compiled since then.
  private(set) var hasNews = false
  /// What all statements that were compiled or stepped since `beginTransaction` may have changed,
  /// also what was rolled back since: never less than what the transaction changes.
  public private(set) var transactionUse = TableUse()
  /// Counts the calls of `beginTransaction`.
  private(set) var transaction: UInt64 = 1

  public init() {}

  /// A transaction begins whose changes are to be known (`transactionUse`).
  public func beginTransaction() {
    transaction += 1
    transactionUse = TableUse()
  }

  /// A statement that changes something is stepped for the first time in this transaction.
  func count(_ use: TableUse) { transactionUse.formUnion(use) }

  func takeUse() -> TableUse {
    defer {
      use = TableUse()
      hasNews = false
    }
    return use
  }

  /// Refuses what SQLite would not ask about, or not well enough: VACUUM, which cannot run inside a
  /// transaction; DROP IF EXISTS of what is not there; ANALYZE and REINDEX of one table, which look
  /// the same as those of all.
  /// - Parameter sql: begins with the statement that is to be compiled, of which `leadingKeyword` is
  ///   known.
  /// - Returns: whether it is refused.
  func refuses(_ sql: UnsafeBufferPointer<UInt8>) -> Bool {
    if subject.mayDoAll { return false }
    if leadingKeyword == .vacuum {
      denial = Self.vacuumDenial
    } else if leadingKeyword == .other, Self.maintainsReserved(sql) {
      denial = Self.reservedDenial
    }
    return denial != nil
  }

  private static func maintainsReserved(_ sql: UnsafeBufferPointer<UInt8>) -> Bool {
    var words = SQLWords(sql)
    guard let first = words.next(),
      first.isWord("drop") || first.isWord("analyze") || first.isWord("reindex")
    else { return false }
    while let word = words.next(), word.isQuoted || word.text.first != UInt8(ascii: ";") {
      if word.isReserved { return true }
    }
    return false
  }

  private static let vacuumDenial = Denial(
    message: "VACUUM is not allowed in a job",
    hint: "drop a control job: {\"control\":\"vacuum\"}, or"
      + " {\"control\":\"backup\",\"to\":\"copy.db\"} for a copy")

  private static let reservedDenial = Denial(
    message: "the tables _sluice_* are Sluice's own",
    hint: "use another table name; `sluice show` and `sluice list` tell what became of jobs")

  /// Forgets what the last statement did.
  public func reset() {
    denial = nil
    traits = []
  }

  func authorize(
    _ action: Int32, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?,
    database: UnsafePointer<CChar>?
  ) -> Int32 {
    noteUse(action, first, value: second)
    if subject.mayDoAll { return SQLITE_OK }
    if let refusal = refusal(action, first, second) {
      if case .skip = refusal { return SQLITE_IGNORE }
      if case .deny(let denial) = refusal, self.denial == nil { self.denial = denial }
      return SQLITE_DENY
    }
    note(action, first, second, database: database)
    return SQLITE_OK
  }

  private enum Refusal {
    case deny(Denial)
    /// Leave that table out, silently.
    case skip
  }

  private func refusal(
    _ action: Int32, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?
  ) -> Refusal? {
    if action != SQLITE_FUNCTION, Self.isReserved(first) || Self.isReserved(second) {
      if action == SQLITE_ANALYZE || action == SQLITE_REINDEX { return .skip }
      return .deny(Self.reservedDenial)
    }
    switch action {
    case SQLITE_ATTACH, SQLITE_DETACH:
      let word = action == SQLITE_ATTACH ? "ATTACH" : "DETACH"
      return .deny(
        Denial(
          message: "\(word) is not allowed",
          hint: "name the other database under [databases] and give the job a \"database\""))
    case SQLITE_TRANSACTION:
      // BEGIN and COMMIT compile, so that a script's own join the job's transaction: whoever runs
      // the job never steps them.
      guard Self.equal(first, "ROLLBACK") else {
        traits.insert(.transactionControl)
        return nil
      }
      return .deny(Self.transactionDenial)
    case SQLITE_SAVEPOINT:
      return .deny(Self.transactionDenial)
    case SQLITE_FUNCTION:
      guard Self.equal(second, "load_extension") else { return nil }
      return .deny(
        Denial(
          message: "load_extension() is not allowed",
          hint: "compute the value in the program that drops the job"))
    case SQLITE_PRAGMA:
      return pragmaRefusal(first, value: second)
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE:
      return systemTableRefusal(first)
    default:
      return nil
    }
  }

  /// Of what would end or nest a job's transaction.
  public static let transactionDenial = Denial(
    message: "a job is one transaction of its own; it may not end or nest it",
    hint: "leave out ROLLBACK, SAVEPOINT and RELEASE, and use \"expect\" to undo a job")

  private func pragmaRefusal(
    _ name: UnsafePointer<CChar>?, value: UnsafePointer<CChar>?
  ) -> Refusal? {
    let pragma = name.map { String(cString: $0).lowercased() } ?? ""
    guard value != nil else {
      guard PragmaRules.working.contains(pragma) else { return nil }
      return .deny(PragmaRules.denial(pragma))
    }
    if PragmaRules.introspective.contains(pragma) { return nil }
    guard PragmaRules.settable.contains(pragma) else { return .deny(PragmaRules.denial(pragma)) }
    if subject == .reader {
      return .deny(
        Denial(message: "PRAGMA \(pragma) with a value is a write", hint: "", needsWriter: true))
    }
    traits.insert(.settingPragma)
    if pragma == "foreign_keys" { traits.insert(.foreignKeysPragma) }
    return nil
  }

  /// CREATE, DROP and ALTER write to `sqlite_master` themselves, so only statements that name it
  /// as their own target are refused.
  private func systemTableRefusal(_ table: UnsafePointer<CChar>?) -> Refusal? {
    guard let leadingKeyword, leadingKeyword.isRowChange, let table,
      Self.hasPrefix(table, "sqlite_")
    else { return nil }
    let name = String(cString: table).lowercased()
    if name == "sqlite_sequence" || name.hasPrefix("sqlite_stat") { return nil }
    // SQLite asks about the schema's table when a virtual table declares its columns, at its first
    // use; what a job itself wants to write there it refuses without asking.
    if name.hasSuffix("master") { return nil }
    return .deny(Self.systemTableDenial(name))
  }

  private static func systemTableDenial(_ name: String) -> Denial {
    Denial(
      message: "\(name) is SQLite's own table",
      hint: "change the schema with CREATE, ALTER and DROP")
  }

  /// Whether it says that a table of Sluice's own is not there, "no such table: main._sluice_x".
  private static func isOfMissing(_ words: [Substring]) -> Bool {
    guard words.count > 3, words[0] == "no", words[1] == "such",
      ["table:", "view:", "index:", "trigger:"].contains(words[2])
    else { return false }
    let name = words[3].split(separator: ".").last ?? ""
    return name.lowercased().hasPrefix("_sluice_")
  }

  /// Compiling a job's statement failed; `message` is what SQLite says.
  func compilingFailed(_ message: String) {
    let words = message.split(separator: " ")
    if denial == nil, Self.isOfMissing(words) { denial = Self.reservedDenial }
    guard denial == nil, words.count > 2, message.hasSuffix("may not be modified"),
      words[1].hasPrefix("sqlite_")
    else { return }
    denial = Self.systemTableDenial(String(words[1]))
  }

  private func note(
    _ action: Int32, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?,
    database: UnsafePointer<CChar>?
  ) {
    switch action {
    case SQLITE_CREATE_INDEX, SQLITE_CREATE_TABLE, SQLITE_CREATE_TRIGGER, SQLITE_CREATE_VIEW,
      SQLITE_CREATE_VTABLE, SQLITE_ALTER_TABLE, SQLITE_DROP_INDEX, SQLITE_DROP_TABLE,
      SQLITE_DROP_TRIGGER, SQLITE_DROP_VIEW, SQLITE_DROP_VTABLE:
      traits.insert(.schemaChange)
    case SQLITE_CREATE_TEMP_INDEX, SQLITE_CREATE_TEMP_TABLE, SQLITE_CREATE_TEMP_TRIGGER,
      SQLITE_CREATE_TEMP_VIEW, SQLITE_DROP_TEMP_INDEX, SQLITE_DROP_TEMP_TABLE,
      SQLITE_DROP_TEMP_TRIGGER, SQLITE_DROP_TEMP_VIEW:
      traits.insert([.temporary, .schemaChange])
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE:
      // CREATE and DROP write rows too, of `sqlite_master`, but leave `changes()` alone.
      if leadingKeyword?.isRowChange == true { traits.insert(.writesRows) }
    case SQLITE_FUNCTION:
      noteFunction(second)
    case SQLITE_PRAGMA where leadingKeyword != .pragma && Self.equal(first, "data_version"):
      // Full-text tables ask that for themselves, and their content is the database's.
      break
    case SQLITE_PRAGMA:
      traits.insert(.volatile)
      if leadingKeyword == .pragma, !traits.contains(.settingPragma) {
        traits.insert(.introspection)
      }
    default:
      break
    }
    if Self.equal(database, "temp") { traits.insert(.temporary) }
  }

  private func noteUse(
    _ action: Int32, _ first: UnsafePointer<CChar>?, value: UnsafePointer<CChar>?
  ) {
    hasNews = true
    switch action {
    case SQLITE_READ:
      if subject == .reader, let first { use.read.insert(TableUse.folded(first)) }
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE:
      guard let first else { return }
      let table = TableUse.folded(first)
      use.written.insert(table)
      transactionUse.written.insert(table)
    case SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE, SQLITE_TRANSACTION, SQLITE_SAVEPOINT:
      break
    case SQLITE_PRAGMA
    where value == nil || Self.equal(first, "defer_foreign_keys")
      || Self.equal(first, "foreign_keys"):
      break
    default:
      use.changesMore = true
      transactionUse.changesMore = true
    }
  }

  private func noteFunction(_ name: UnsafePointer<CChar>?) {
    guard let name else { return }
    let function = String(cString: name).lowercased()
    switch function {
    case "changes", "total_changes", "last_insert_rowid":
      traits.insert([.counters, .volatile])
    case "random", "randomblob", "date", "time", "datetime", "julianday", "strftime",
      "unixepoch", "timediff", "current_date", "current_time", "current_timestamp", "sqlite_offset":
      traits.insert(.volatile)
    default: break
    }
  }

  private static func isReserved(_ name: UnsafePointer<CChar>?) -> Bool {
    guard let name else { return false }
    return hasPrefix(name, "_sluice_")
  }

  private static func equal(_ name: UnsafePointer<CChar>?, _ word: StaticString) -> Bool {
    guard let name else { return false }
    return word.withUTF8Buffer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { sqlite3_stricmp(name, $0.baseAddress) == 0 }
    }
  }

  private static func hasPrefix(_ name: UnsafePointer<CChar>, _ word: StaticString) -> Bool {
    word.withUTF8Buffer { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        sqlite3_strnicmp(name, $0.baseAddress, Int32(bytes.count)) == 0
      }
    }
  }
}
