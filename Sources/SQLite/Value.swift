/// One SQLite value, as bound or returned.
public enum Value: Sendable, Hashable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  /// Bytes; also what a TEXT that is not UTF-8 comes back as.
  case blob([UInt8])
}
