/// A part of the job format that works only while the worker has the machinery for it; without
/// that, a job which uses it is answered as one with an unknown field.
public enum JobFeature: Sendable, CaseIterable {
  case expires
  case notBefore
  case after
  case cache
  case importFile
  case control
  /// `"result": {"format": "jsonl"}`
  case jsonlResult
  /// `"result": {"format": "csv"}`
  case csvResult
}

/// The fields of a job object, of its statements and of its headers.
enum JobField: String, Sendable, CaseIterable {
  case id
  case meta
  case database
  case priority
  case sql
  case params
  case rows
  case statements
  case expect
  case transaction
  case timeout
  case expires
  case notBefore = "not_before"
  case retries
  case after
  case cache
  case result
  case importFile = "import"
  case control
  /// Argument of a control job.
  case job
  /// Argument of a control job.
  case to

  /// What must be supported for the field to be known.
  var feature: JobFeature? {
    switch self {
    case .expires: .expires
    case .notBefore: .notBefore
    case .after: .after
    case .cache: .cache
    case .importFile: .importFile
    case .control, .job, .to: .control
    case .id, .meta, .database, .priority, .sql, .params, .rows, .statements, .expect,
      .transaction, .timeout, .retries, .result:
      nil
    }
  }

  /// The fields of one line of a `.jsonl`.
  static let ofLine: [JobField] = [.id, .sql, .params, .rows, .statements, .expect]
  /// The fields of one element of `statements`.
  static let ofStatement: [JobField] = [.sql, .params, .rows, .expect]
  /// The fields that hold for a whole script.
  static let ofScript: [JobField] = [
    .id, .meta, .database, .priority, .transaction, .timeout, .expires, .notBefore, .retries,
    .after, .cache, .result,
  ]
  /// The fields that hold for a whole `.jsonl`; an id belongs to a line.
  static let ofBatch: [JobField] = [.sql] + ofScript.filter { $0 != .id }
  /// The fields that fit beside `import`.
  static let besideImport: Set<JobField> = [
    .importFile, .id, .meta, .database, .priority, .timeout, .expires, .notBefore, .retries,
    .after,
  ]
}
