/// A file whose rows are to be loaded into a table.
public struct ImportRequest: Sendable, Equatable {
  public enum Format: String, Sendable, CaseIterable {
    case csv
    case jsonl
  }

  /// What becomes of a row that is there already.
  public enum Conflict: String, Sendable, CaseIterable {
    case abort
    case ignore
    case replace
    /// Upsert by `key`.
    case update
  }

  /// What becomes of the import at a row that cannot be loaded.
  public enum BadRows: String, Sendable, CaseIterable {
    case stop
    case skip
  }

  /// Path below the spool's `data/`, without `.` and `..`.
  public var file: String
  public var table: String
  public var format: Format
  /// The ASCII character between two fields of a CSV line.
  public var delimiter = UInt8(ascii: ",")
  /// Whether the first line of a CSV file names its columns.
  public var header = true
  /// The target columns in the file's order; nil takes the header's, or the table's.
  public var columns: [String]?
  /// Make the table if it is not there.
  public var create = false
  public var conflict = Conflict.abort
  /// The columns that tell a row for `Conflict.update`; empty otherwise.
  public var key: [String] = []
  /// One transaction rather than chunks.
  public var atomic = false
  /// The first physical line to load, from 1; a header is read whatever it says.
  public var fromLine = 1
  public var badRows = BadRows.stop

  public init(file: String, table: String, format: Format) {
    self.file = file
    self.table = table
    self.format = format
  }
}
