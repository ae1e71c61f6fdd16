import SQLite

/// Binds a job's parameters to a statement's placeholders; every one must be given, none may be
/// left over.
struct ParameterBinder {
  /// What earlier statements of the job returned, for `$ref`.
  var captured: CapturedValues
  let statement: Int

  func bind(
    _ set: ParameterSet?, to prepared: Statement, lastInsertRowid: Int64
  ) throws(JobStop) {
    let count = prepared.parameterCount
    switch set {
    case nil:
      guard count == 0 else {
        throw .rejected(
          .badParameters(
            "the statement has \(count) placeholder\(count == 1 ? "" : "s") but no \"params\"",
            statement: statement, hint: "add \"params\""))
      }
    case .positional(let values):
      guard values.count == count else {
        throw .rejected(
          .badParameters(
            "the statement has \(count) placeholder\(count == 1 ? "" : "s")"
              + " but \(values.count) value\(values.count == 1 ? " was" : "s were") given",
            statement: statement))
      }
      for (index, value) in values.enumerated() {
        try bind(value, at: index + 1, prepared, lastInsertRowid)
      }
    case .named(let values):
      try bind(named: values, to: prepared, lastInsertRowid)
    }
  }

  private func bind(
    named values: [NamedParameter], to prepared: Statement, _ lastInsertRowid: Int64
  ) throws(JobStop) {
    var used = 0
    for index in stride(from: 1, through: prepared.parameterCount, by: 1) {
      guard let placeholder = prepared.parameterName(index), !placeholder.hasPrefix("?") else {
        throw .rejected(
          .badParameters(
            "placeholder \(index) has no name, so \"params\" must be an array",
            statement: statement, hint: "write :name in the SQL, or give an array"))
      }
      let name = placeholder.dropFirst()
      guard let given = values.first(where: { $0.name == name }) else {
        throw .rejected(
          .badParameters("no value for \(placeholder) in \"params\"", statement: statement))
      }
      used += 1
      try bind(given.value, at: index, prepared, lastInsertRowid)
    }
    guard used < values.count else { return }
    let known = (0..<prepared.parameterCount).compactMap { prepared.parameterName($0 + 1) }
    for value in values where !known.contains(where: { $0.dropFirst() == value.name }) {
      throw .rejected(
        .badParameters(
          "the statement has no placeholder named \(value.name)", statement: statement,
          hint: known.isEmpty ? nil : "it has \(known.joined(separator: ", "))"))
    }
  }

  private func bind(
    _ parameter: Parameter, at index: Int, _ prepared: Statement, _ lastInsertRowid: Int64
  ) throws(JobStop) {
    let value: Value
    switch parameter {
    case .value(let given): value = given
    case .lastInsertRowid: value = .integer(lastInsertRowid)
    case .result(let place):
      guard let found = captured.value(at: place) else {
        throw .failed(
          .badParameters(
            "$ref \(place.statement)/\(place.row)/\(place.column): no such value was returned",
            statement: statement,
            hint: "it is STATEMENT/ROW/COLUMN, each counted from 0, of an earlier statement"))
      }
      value = found
    }
    do throws(SQLiteError) {
      try prepared.bind(value, at: index)
    } catch {
      throw .failed(JobError(error, statement: statement))
    }
  }
}

/// The returned values that later statements of the same job refer to; the others are not kept.
struct CapturedValues {
  private var wanted: Set<ResultPlace> = []
  private var values: [ResultPlace: Value] = [:]

  init(neededBy job: [JobStatement]) {
    for statement in job {
      switch statement.parameters {
      case .none: break
      case .once(let set): want(set)
      case .rows(let sets): for set in sets { want(set) }
      }
    }
  }

  private mutating func want(_ set: ParameterSet) {
    switch set {
    case .positional(let values):
      for case .result(let place) in values { wanted.insert(place) }
    case .named(let values):
      for value in values {
        if case .result(let place) = value.value { wanted.insert(place) }
      }
    }
  }

  var isEmpty: Bool { wanted.isEmpty }

  func value(at place: ResultPlace) -> Value? { values[place] }

  mutating func capture(_ row: Statement, statement: Int, row number: Int) {
    for column in 0..<row.columnCount {
      let place = ResultPlace(statement: statement, row: number, column: column)
      if wanted.contains(place) { values[place] = row.value(column) }
    }
  }
}
