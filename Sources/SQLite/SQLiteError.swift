import CSQLite

/// A failed call of SQLite: its extended result code and what SQLite said of it at that moment.
public struct SQLiteError: Error, Sendable, Equatable {
  /// Extended result code, such as 2067 for `SQLITE_CONSTRAINT_UNIQUE`.
  public var code: Int32
  public var message: String
  /// Byte offset into the SQL that the message is about, where SQLite tells.
  public var offset: Int?

  public init(code: Int32, message: String, offset: Int? = nil) {
    self.code = code
    self.message = message
    self.offset = offset
  }

  /// The primary result code, such as 19 for every `SQLITE_CONSTRAINT_…`.
  public var primaryCode: Int32 { code & 0xff }

  /// SQLite's own name of the extended code.
  public var name: String { ResultCode.name(of: code) }

  /// The last error of `handle`; must be called before any other call on it.
  init(of handle: OpaquePointer?, code: Int32) {
    guard let handle else {
      self.init(code: code, message: String(cString: sqlite3_errstr(code)))
      return
    }
    let extended = sqlite3_extended_errcode(handle)
    let same = extended & 0xff == code & 0xff
    let offset = sqlite3_error_offset(handle)
    self.init(
      code: same ? extended : code,
      message: same
        ? String(cString: sqlite3_errmsg(handle)) : String(cString: sqlite3_errstr(code)),
      offset: offset >= 0 ? Int(offset) : nil)
  }
}

/// The one place that turns a failing result code into an error.
@inline(__always)
func check(_ code: Int32, on handle: OpaquePointer?) throws(SQLiteError) {
  if code != SQLITE_OK { throw SQLiteError(of: handle, code: code) }
}
