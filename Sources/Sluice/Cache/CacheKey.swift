import SQLite

/// What two reads must have in common, bit by bit, to have one result: SQL, values with their types,
/// expectations and the form of the rows.
///
/// Bytes rather than the job's own values, since Swift calls texts equal that SQL tells apart (é as
/// one character or two), and so 0.0 and -0.0.
struct CacheKey: Hashable, Sendable {
  private(set) var bytes: [UInt8] = []

  /// Longer SQL is not kept: it is compiled again, inside the cache's lock, when it is stored.
  private static let sqlBytesMax = 64 << 10

  /// nil where the result is none that can be kept.
  init?(_ job: Job) {
    guard job.result.format == .json, !job.statements.isEmpty else { return nil }
    let sqlBytes = job.statements.reduce(0) { $0 + $1.sql.utf8.count }
    guard sqlBytes <= Self.sqlBytesMax else { return nil }
    bytes.reserveCapacity(64 + sqlBytes)
    append(UInt64(bitPattern: Int64(job.result.maxRows ?? -1)))
    bytes.append(job.result.objects ? 1 : 0)
    for statement in job.statements {
      append(statement.sql)
      guard append(statement.parameters) else { return nil }
      append(statement.expect)
    }
  }

  private mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
  }

  private mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// - Returns: false where a value depends on more than the database.
  private mutating func append(_ parameters: Parameters) -> Bool {
    switch parameters {
    case .none: bytes.append(0)
    case .once(let set):
      bytes.append(1)
      return append(set)
    case .rows(let sets):
      bytes.append(2)
      append(UInt64(sets.count))
      for set in sets {
        guard append(set) else { return false }
      }
    }
    return true
  }

  private mutating func append(_ set: ParameterSet) -> Bool {
    switch set {
    case .positional(let values):
      bytes.append(0)
      append(UInt64(values.count))
      for value in values {
        guard append(value) else { return false }
      }
    case .named(let values):
      bytes.append(1)
      append(UInt64(values.count))
      for value in values {
        append(value.name)
        guard append(value.value) else { return false }
      }
    }
    return true
  }

  private mutating func append(_ parameter: Parameter) -> Bool {
    switch parameter {
    case .value(let value): append(value)
    case .result(let place):
      bytes.append(5)
      append(UInt64(place.statement))
      append(UInt64(place.row))
      append(UInt64(place.column))
    case .lastInsertRowid: return false
    }
    return true
  }

  private mutating func append(_ value: Value) {
    switch value {
    case .null: bytes.append(0)
    case .integer(let number):
      bytes.append(1)
      append(UInt64(bitPattern: number))
    case .real(let number):
      bytes.append(2)
      append(number.bitPattern)
    case .text(let text):
      bytes.append(3)
      append(text)
    case .blob(let blob):
      bytes.append(4)
      append(UInt64(blob.count))
      bytes.append(contentsOf: blob)
    }
  }

  private mutating func append(_ expect: Expectation?) {
    guard let expect else { return bytes.append(0) }
    bytes.append(1)
    for count in [expect.changes, expect.rows] {
      bytes.append(count == nil ? 0 : 1)
      append(UInt64(bitPattern: count ?? 0))
    }
    bytes.append(expect.value == nil ? 0 : 1)
    append(expect.value ?? .null)
  }
}
