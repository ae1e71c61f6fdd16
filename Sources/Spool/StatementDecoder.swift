import JSON
import Sluice

/// Reads SQL with its parameters and expectations.
struct StatementDecoder: Sendable {
  /// The fields of one statement, as far as they are there.
  struct Parts {
    var params: Field?
    var rows: Field?
    var expect: Field?
  }

  private enum ExpectField: String, CaseIterable, Sendable {
    case changes
    case rows
    case value
  }

  private let sqlBytesMax: Int
  private let parameters = ParameterDecoder()
  private let statementFields = FieldTable("a statement", JobField.ofStatement)
  private let expectFields = FieldTable("\"expect\"", ExpectField.allCases)

  init(sqlBytesMax: Int) { self.sqlBytesMax = sqlBytesMax }

  /// The elements of `statements`.
  func statements(_ field: Field) throws(JobFault) -> [JobStatement] {
    let what = "an array of objects, each with \"sql\""
    let elements = try field.array(what)
    guard !elements.isEmpty else { throw field.expected(what) }
    var statements: [JobStatement] = []
    statements.reserveCapacity(elements.count)
    // How many statements come before: known as long as each SQL is a single one.
    var earlier: Int? = 0
    for element in elements {
      let members = try Field(field.name, element).object(what)
      let (statement, isSingle) = try self.statement(members, of: element, earlier: earlier)
      statements.append(statement)
      earlier = isSingle ? earlier.map { $0 + 1 } : nil
    }
    return statements
  }

  private func statement(
    _ members: [JSONMember], of node: JSONNode, earlier: Int?
  ) throws(JobFault) -> (JobStatement, isSingle: Bool) {
    var sql: Field?
    var parts = Parts()
    for member in members {
      switch try statementFields.name(of: member) {
      case .sql: sql = Field(member)
      case .params: parts.params = Field(member)
      case .rows: parts.rows = Field(member)
      default: parts.expect = Field(member)
      }
    }
    guard let sql else {
      throw JobFault(
        message: "a statement has no \"sql\"", hint: "give each element of \"statements\" one",
        offset: node.range.lowerBound)
    }
    let (text, outline) = try self.sql(sql)
    let statement = try self.statement(sql: text, parts, earlier: earlier)
    return (statement, outline.parts == 1 || parts.params != nil || parts.rows != nil)
  }

  /// A statement made of SQL that has been checked and its other fields.
  ///
  /// - Parameter earlier: how many statements of the job come before; nil where that is not known.
  func statement(sql: String, _ parts: Parts, earlier: Int?) throws(JobFault) -> JobStatement {
    var statement = JobStatement(sql: sql)
    if let params = parts.params {
      if let rows = parts.rows {
        let second =
          params.node.range.lowerBound < rows.node.range.lowerBound ? rows : params
        throw second.misplaced(
          "cannot stand beside \"\(second.name == "rows" ? "params" : "rows")\"",
          hint: "give \"params\" for one run or \"rows\" for several")
      }
      statement.parameters = .once(try parameters.set(params, earlier: earlier))
    } else if let rows = parts.rows {
      statement.parameters = .rows(try parameters.rows(rows, earlier: earlier))
    }
    if let expect = parts.expect { statement.expect = try expectation(expect) }
    return statement
  }

  /// The values that a bare array gives to one run.
  func parameterSet(_ field: Field) throws(JobFault) -> ParameterSet {
    try parameters.set(field, earlier: 0)
  }

  /// SQL text that says something, in a size that is allowed.
  func sql(_ field: Field) throws(JobFault) -> (String, SQLOutline) {
    let text = try field.string("a string of SQL")
    let outline = SQLOutline(text)
    if let offset = outline.firstNUL {
      throw JobFault(
        message: "\"\(field.name)\" has a NUL character at its byte \(offset), which ends SQL",
        hint: "give such text as a parameter", offset: field.node.range.lowerBound)
    }
    if let line = outline.dotCommandLine {
      throw JobFault(
        message:
          "line \(line) of \"\(field.name)\" begins with a dot: a command of the sqlite3 shell",
        hint: "leave it out; a job holds SQL only", offset: field.node.range.lowerBound)
    }
    guard outline.parts > 0 else {
      throw JobFault(
        message: "\"\(field.name)\" holds no statement, found \(Found.name(field.node))",
        hint: "give at least one SQL statement", offset: field.node.range.lowerBound)
    }
    guard outline.longest <= sqlBytesMax else {
      throw JobFault(
        code: SluiceCode.tooLarge,
        message:
          "a statement of \"\(field.name)\" has \(outline.longest) bytes, more than \(sqlBytesMax)",
        hint: "give values as \"params\" or \"rows\" rather than in the SQL",
        offset: field.node.range.lowerBound)
    }
    return (text, outline)
  }

  private func expectation(_ field: Field) throws(JobFault) -> Expectation {
    let members = try field.object("an object with \"changes\", \"rows\" or \"value\"")
    guard !members.isEmpty else {
      throw field.expected("an object with \"changes\", \"rows\" or \"value\"")
    }
    var expectation = Expectation()
    for member in members {
      switch try expectFields.name(of: member) {
      case .changes: expectation.changes = try Field(member).integer(atLeast: 0)
      case .rows: expectation.rows = try Field(member).integer(atLeast: 0)
      case .value:
        let parameter = try parameters.parameter(
          member.node, in: member.key, earlier: 0, allowsReferences: false)
        if case .value(let value) = parameter { expectation.value = value }
      }
    }
    return expectation
  }
}
