import CSQLite

/// One prepared statement; used on its connection's thread only.
///
/// A class, since the connection's cache and the borrower share it; finalised with its last
/// reference. A connection that is closed before lives on inside SQLite until then.
public final class Statement {
  let handle: OpaquePointer
  /// What compiling it showed (see `Authorizer`), also again after a change of the schema.
  public private(set) var traits: StatementTraits
  /// The tables that it uses, likewise.
  public private(set) var use: TableUse
  private let authorizer: Authorizer
  /// The transaction (`Authorizer.transaction`) whose changes it was last counted among.
  private var countedIn: UInt64 = 0
  /// A mark of whoever runs it; 0 at first. It lasts as long as the statement stays in the cache.
  public var tag: UInt64 = 0

  init(handle: OpaquePointer, traits: StatementTraits, use: TableUse, authorizer: Authorizer) {
    self.handle = handle
    self.traits = traits
    self.use = use
    self.authorizer = authorizer
  }

  deinit { sqlite3_finalize(handle) }

  private var connection: OpaquePointer? { sqlite3_db_handle(handle) }

  /// True where it makes no change to the database file itself (`sqlite3_stmt_readonly`); also
  /// true for BEGIN, SAVEPOINT and ATTACH, which the authorizer refuses.
  public var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

  /// True for EXPLAIN and EXPLAIN QUERY PLAN.
  public var isExplain: Bool { sqlite3_stmt_isexplain(handle) != 0 }

  /// Highest placeholder number.
  public var parameterCount: Int { Int(sqlite3_bind_parameter_count(handle)) }

  /// Name of placeholder `index` (from 1) with its sigil; nil for a plain `?`.
  public func parameterName(_ index: Int) -> String? {
    guard let name = sqlite3_bind_parameter_name(handle, Int32(index)) else { return nil }
    return String(cString: name)
  }

  /// Columns of a row; 0 where it returns none. Right only after the first step for a cached
  /// `SELECT *` whose table has changed.
  public var columnCount: Int { Int(sqlite3_column_count(handle)) }

  public func columnName(_ index: Int) -> String {
    guard let name = sqlite3_column_name(handle, Int32(index)) else { return "" }
    return String(cString: name)
  }

  /// Binds placeholder `index`, from 1.
  /// - Throws: `SQLITE_RANGE` for no such placeholder, `SQLITE_TOOBIG`, `SQLITE_NOMEM`.
  public func bind(_ value: Value, at index: Int) throws(SQLiteError) {
    let position = Int32(index)
    let code: Int32
    switch value {
    case .null: code = sqlite3_bind_null(handle, position)
    case .integer(let number): code = sqlite3_bind_int64(handle, position, number)
    case .real(let number): code = sqlite3_bind_double(handle, position, number)
    case .text(var text):
      code = text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { characters in
          // An empty buffer has no address, and a null pointer would bind NULL.
          guard let start = characters.baseAddress else {
            return sluice_bind_text(handle, position, "", 0)
          }
          return sluice_bind_text(handle, position, start, UInt64(characters.count))
        }
      }
    case .blob(let bytes):
      code = bytes.withUnsafeBytes { buffer in
        guard let start = buffer.baseAddress, !buffer.isEmpty else {
          return sqlite3_bind_zeroblob(handle, position, 0)
        }
        return sluice_bind_blob(handle, position, start, UInt64(buffer.count))
      }
    }
    try check(code, on: connection)
  }

  /// Binds text in UTF-8 that somebody else holds; it is copied.
  public func bind(text: UnsafeRawBufferPointer, at index: Int) throws(SQLiteError) {
    let position = Int32(index)
    let code = text.withMemoryRebound(to: CChar.self) { characters in
      guard let start = characters.baseAddress else {
        return sluice_bind_text(handle, position, "", 0)
      }
      return sluice_bind_text(handle, position, start, UInt64(characters.count))
    }
    try check(code, on: connection)
  }

  /// Runs to the next row: true for a row, false at the end.
  /// - Throws: what SQLite says; the statement must then be reset.
  @inline(__always)
  public func step() throws(SQLiteError) -> Bool {
    if countedIn != authorizer.transaction { countIn() }
    let code = sqlite3_step(handle)
    if authorizer.hasNews { takeNews() }
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw SQLiteError(of: connection, code: code)
    }
  }

  private func countIn() {
    countedIn = authorizer.transaction
    if !use.isReading { authorizer.count(use) }
  }

  /// SQLite compiled it again, or something that it runs.
  private func takeNews() {
    traits.formUnion(authorizer.traits)
    use.formUnion(authorizer.takeUse())
  }

  /// Runs to the end, dropping rows, and makes it ready to run again, also when it fails.
  public func run() throws(SQLiteError) {
    defer { reset() }
    while try step() {}
  }

  /// Makes it ready to run again; its bindings stay. An error of the last step is not repeated.
  public func reset() { sqlite3_reset(handle) }

  /// Sets every placeholder to NULL.
  public func clearBindings() { sqlite3_clear_bindings(handle) }

  public func integer(_ index: Int) -> Int64 { sqlite3_column_int64(handle, Int32(index)) }

  public func real(_ index: Int) -> Double { sqlite3_column_double(handle, Int32(index)) }

  public enum StorageClass: Sendable { case null, integer, real, text, blob }

  public func storageClass(_ index: Int) -> StorageClass {
    switch sqlite3_column_type(handle, Int32(index)) {
    case SQLITE_INTEGER: .integer
    case SQLITE_FLOAT: .real
    case SQLITE_TEXT: .text
    case SQLITE_BLOB: .blob
    default: .null
    }
  }

  /// Lends the bytes of a text or blob; valid inside `body` only.
  @inline(__always)
  public func withBytes<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    // The pointer must be asked for before the length (sqlite3_column_bytes).
    let start = sqlite3_column_blob(handle, Int32(index))
    let count = Int(sqlite3_column_bytes(handle, Int32(index)))
    return body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
  }

  /// The value of a column of the current row.
  public func value(_ index: Int) -> Value {
    switch storageClass(index) {
    case .null: return .null
    case .integer: return .integer(integer(index))
    case .real: return .real(real(index))
    case .text:
      return withBytes(index) { bytes in
        if let text = String(validating: bytes, as: UTF8.self) { return .text(text) }
        return .blob(Array(bytes))
      }
    case .blob: return withBytes(index) { .blob(Array($0)) }
    }
  }

  public func bytes(_ index: Int) -> [UInt8] { withBytes(index) { Array($0) } }
}
