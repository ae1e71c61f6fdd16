import JSON
import Sluice

/// What a job file asks for, and what its text alone tells.
public struct DecodedJob: Sendable, Equatable {
  public var job: Job
  /// The bytes of an import's `from_line` with the comma that goes with it. Without them two
  /// versions of one import, the later one to go on where the first stopped, have equal content.
  public var fromLine: Range<Int>?
}

/// Turns the text of a job into a checked `Job`; knows the fields, never the database.
///
/// Any thread; holds nothing but its tables.
public struct JobDecoder: Sendable {
  /// What the worker has the machinery for.
  public static let supported: Set<JobFeature> = [
    .expires, .notBefore, .after, .cache, .control, .jsonlResult, .csvResult, .importFile,
  ]

  /// The fields whose meaning depends on each other, as far as they are there.
  private struct Parts {
    var sql: Field?
    var statements: Field?
    var importFile: Field?
    var control: Field?
    var result: Field?
    /// What only a command takes.
    var argument: Field?
    var ofStatement = StatementDecoder.Parts()
  }

  public let limits: JobLimits
  private let bodyNames: String
  private let statementDecoder: StatementDecoder
  private let optionDecoder: JobOptionDecoder
  private let importDecoder = ImportDecoder()
  private let controlDecoder = ControlDecoder()
  private let jobFields: FieldTable<JobField>
  private let lineFields: FieldTable<JobField>
  private let envelopeFields = FieldTable("a header line", [EnvelopeField.sluice])
  private let batchFields: FieldTable<JobField>
  private let scriptFields: FieldTable<JobField>

  private enum EnvelopeField: String, Sendable {
    case sluice
  }

  public init(limits: JobLimits = JobLimits(), supporting features: Set<JobFeature> = supported) {
    self.limits = limits
    statementDecoder = StatementDecoder(sqlBytesMax: limits.sqlBytes)
    optionDecoder = JobOptionDecoder(limits: limits, features: features)
    func known(_ fields: [JobField]) -> [JobField] {
      fields.filter { $0.feature.map(features.contains) ?? true }
    }
    jobFields = FieldTable("a job", known(JobField.allCases))
    lineFields = FieldTable("a line of a .jsonl file", known(JobField.ofLine))
    batchFields = FieldTable("the header of a .jsonl file", known(JobField.ofBatch))
    scriptFields = FieldTable("the header of a script", known(JobField.ofScript))
    bodyNames = known([.sql, .statements, .importFile, .control])
      .map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
  }

  /// Reads a whole `.json` file.
  public func decode(_ bytes: [UInt8]) throws(DecodeFailure) -> DecodedJob {
    let text = bytes[...]
    let root = try parse(text)
    return try reporting(root, text) { () throws(JobFault) in
      let members = try Self.members(of: root, "a job")
      var job = Job()
      let parts = try read(members, jobFields, text, into: &job)
      job.body = try body(parts, among: members, of: root, database: job.database)
      // Where a command names a priority it is what to pause, not how soon.
      if parts.control != nil { job.priority = nil }
      try optionDecoder.checkFit(job.result, parts.result, to: job)
      return DecodedJob(
        job: job, fromLine: parts.importFile.flatMap(ImportDecoder.fromLineRange))
    }
  }

  /// Reads one line of a `.jsonl` file, which is neither blank nor its header.
  ///
  /// - Parameters:
  ///   - number: the line's own in its file, from 1, for what is said of it.
  ///   - header: supplies what the line does not say, and takes up the line's SQL for the lines
  ///     after it, also when the line is rejected. It has none after a line whose SQL could not be
  ///     read, so that no values run with SQL they were not meant for.
  public func decodeLine(
    _ line: ArraySlice<UInt8>, number: Int = 1, inheriting header: inout BatchHeader
  ) throws(DecodeFailure) -> Job {
    let root: JSONNode
    do throws(DecodeFailure) {
      root = try parse(line, linesBefore: number - 1)
    } catch {
      header.origin = Self.mayNameSQL(line) ? .own : .inherited
      if header.origin == .own { header.sql = nil }
      throw error
    }
    header.origin = root["statements"] == nil ? .inherited : .none
    if let node = root["sql"] {
      header.origin = .own
      header.sql = try? statementDecoder.sql(Field("sql", node)).0
    }
    let (template, sql) = (header.template, header.sql)
    return try reporting(root, line) { () throws(JobFault) in
      if root.array != nil { return try bareLine(root, template, sql) }
      let members = try Self.members(of: root, "a line of a .jsonl file", or: "array of values")
      var job = template
      let parts = try read(members, lineFields, line, into: &job)
      job.body = try body(
        parts, among: members, of: root, database: job.database, sqlInForce: sql)
      return job
    }
  }

  /// Reads the first line of a `.jsonl` file; nil if it is not `{"sluice": …}` but a job.
  public func decodeBatchHeader(
    _ line: ArraySlice<UInt8>
  ) throws(DecodeFailure) -> BatchHeader? {
    guard Self.isBatchHeader(line) else { return nil }
    let envelope = EnvelopeField.sluice.rawValue
    let root = try parse(line, envelope: envelope)
    return try reporting(root, line, envelope: envelope) { () throws(JobFault) in
      var inner = root
      for member in try Self.members(of: root, "the header of a .jsonl file") {
        _ = try envelopeFields.name(of: member)
        inner = member.node
      }
      let members = try Field(envelope, inner).object()
      var job = Job()
      let parts = try read(members, batchFields, line, into: &job)
      try optionDecoder.checkFit(job.result, parts.result, to: nil)
      var header = BatchHeader()
      header.template = job
      if let sql = parts.sql { header.sql = try statementDecoder.sql(sql).0 }
      return header
    }
  }

  /// Reads the first line of a script; nil if it is not `-- sluice: {…}`.
  ///
  /// - Returns: a job without statements.
  public func decodeScriptHeader(_ line: ArraySlice<UInt8>) throws(DecodeFailure) -> Job? {
    guard let prefix = Self.scriptHeaderPrefix(line) else { return nil }
    let text = line.dropFirst(prefix)
    let root = try parse(text, columnsBefore: prefix)
    return try reporting(root, text) { () throws(JobFault) in
      let members = try Self.members(of: root, "the header of a script")
      var job = Job()
      let parts = try read(members, scriptFields, text, into: &job)
      try optionDecoder.checkFit(job.result, parts.result, to: nil)
      return job
    }
  }

  // MARK: The text

  /// The way to the producer's own words, which no rule of a job holds for.
  private static let metaPath = [JobField.meta.rawValue]
  private static let batchMetaPath = [EnvelopeField.sluice.rawValue] + metaPath

  private func parse(
    _ text: ArraySlice<UInt8>, envelope: String? = nil, linesBefore: Int = 0,
    columnsBefore: Int = 0
  ) throws(DecodeFailure) -> JSONNode {
    guard text.count <= limits.jobBytes else {
      throw DecodeFailure(
        JobError(
          .request, SluiceCode.tooLarge,
          "the job has \(text.count) bytes, more than \(limits.jobBytes)",
          hint: "split it, or send its rows as a .jsonl file, which may have any length"))
    }
    do throws(JSONError) {
      return try JSONReader.parse(
        text, maximumDepth: limits.depth,
        verbatim: envelope == nil ? Self.metaPath : Self.batchMetaPath)
    } catch {
      var error = error
      if error.line == 1 { error.column += columnsBefore }
      error.line += linesBefore
      // What is wrong may still be JSON, with an id and a meta to give back.
      let root =
        error.kind == .syntax
        ? nil : try? JSONReader.parse(text, maximumDepth: JSONReader.depthCeiling, verbatim: [])
      throw failure(JobError(error), root, text, envelope: envelope)
    }
  }

  /// Runs `body`; its fault becomes the failure of this text.
  private func reporting<Success>(
    _ root: JSONNode, _ text: ArraySlice<UInt8>, envelope: String? = nil,
    _ body: () throws(JobFault) -> Success
  ) throws(DecodeFailure) -> Success {
    do throws(JobFault) {
      return try body()
    } catch {
      throw failure(JobError(error, in: root), root, text, envelope: envelope)
    }
  }

  private func failure(
    _ error: JobError, _ root: JSONNode?, _ text: ArraySlice<UInt8>, envelope: String?
  ) -> DecodeFailure {
    var failure = DecodeFailure(error)
    guard let root, let fields = envelope.map({ root[$0] }) ?? root else { return failure }
    if let id = fields["id"] { failure.id = try? optionDecoder.id(Field("id", id)) }
    if let meta = fields["meta"] {
      failure.meta = try? optionDecoder.meta(Field("meta", meta), in: text)
    }
    return failure
  }

  private static func members(
    of root: JSONNode, _ what: String, or alternative: String? = nil
  ) throws(JobFault) -> [JSONMember] {
    if let members = root.object { return members }
    let expected = alternative.map { "an object or an \($0)" } ?? "a JSON object"
    throw JobFault(
      message: "expected \(expected) as \(what), found \(Found.name(root))",
      hint: "put the fields between { and }", offset: root.range.lowerBound)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
  }

  private static func isBatchHeader(_ line: ArraySlice<UInt8>) -> Bool {
    let object = line.drop(while: isSpace)
    guard object.first == UInt8(ascii: "{") else { return false }
    return object.dropFirst().drop(while: isSpace).starts(with: "\"sluice\"".utf8)
  }

  /// How many bytes come before the JSON of a script's header.
  private static func scriptHeaderPrefix(_ line: ArraySlice<UInt8>) -> Int? {
    guard line.starts(with: "--".utf8) else { return nil }
    let word = line.dropFirst(2).drop { $0 == 0x20 || $0 == 0x09 }
    let name = "sluice:"
    guard word.starts(with: name.utf8) else { return nil }
    return word.startIndex - line.startIndex + name.utf8.count
  }

  /// Whether a line that is no JSON may have been meant to change the SQL in force.
  private static func mayNameSQL(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.first(where: { !isSpace($0) }) != UInt8(ascii: "[") else { return false }
    let name = Array("sql".utf8)
    return line.indices.contains { line[$0...].starts(with: name) }
  }

  // MARK: The fields

  private func read(
    _ members: [JSONMember], _ fields: FieldTable<JobField>, _ text: ArraySlice<UInt8>,
    into job: inout Job
  ) throws(JobFault) -> Parts {
    var parts = Parts()
    for member in members {
      let field = Field(member)
      switch try fields.name(of: member) {
      case .id: job.id = try optionDecoder.id(field)
      case .meta: job.meta = try optionDecoder.meta(field, in: text)
      case .database: job.database = try field.string("the name of a database")
      case .priority: job.priority = try JobOptionDecoder.priority(field)
      case .sql: parts.sql = field
      case .params: parts.ofStatement.params = field
      case .rows: parts.ofStatement.rows = field
      case .statements: parts.statements = field
      case .expect: parts.ofStatement.expect = field
      case .transaction: job.transaction = try field.word(of: IsolationLevel.allCases)
      case .timeout: job.timeout = try optionDecoder.timeout(field)
      case .expires: job.expires = try optionDecoder.instant(field)
      case .notBefore: job.notBefore = try optionDecoder.instant(field)
      case .retries: job.retries = try field.integer(atLeast: 0)
      case .after: job.after = try optionDecoder.after(field)
      case .cache: job.cacheSeconds = try optionDecoder.cacheSeconds(field)
      case .result:
        parts.result = field
        job.result = try optionDecoder.result(field)
      case .importFile: parts.importFile = field
      case .control: parts.control = field
      case .job, .to: parts.argument = field
      }
    }
    return parts
  }

  private func bareLine(
    _ root: JSONNode, _ template: Job, _ sql: String?
  ) throws(JobFault) -> Job {
    guard let sql else {
      throw JobFault(
        message: "an array of values comes before any \"sql\" it could be for",
        hint: "give \"sql\" in the header, or in a line before", offset: root.range.lowerBound)
    }
    var job = template
    let values = try statementDecoder.parameterSet(Field("params", root))
    job.statements = [JobStatement(sql: sql, parameters: .once(values))]
    return job
  }

  /// - Parameter sqlInForce: SQL that has been checked, for a line of a `.jsonl`: its own, or else
  ///   what it inherits.
  private func body(
    _ parts: Parts, among members: [JSONMember], of root: JSONNode, database: String,
    sqlInForce: String? = nil
  ) throws(JobFault) -> JobBody {
    try checkExclusive(parts)
    if let argument = parts.argument, parts.control == nil {
      throw argument.misplaced("belongs to a \"control\" job", hint: "leave it out")
    }
    if let statements = parts.statements {
      let outer = parts.ofStatement
      if let stray = outer.params ?? outer.rows ?? outer.expect {
        throw stray.misplaced(
          "cannot stand beside \"statements\"", hint: "put it inside the statement it is for")
      }
      return .transaction(try statementDecoder.statements(statements))
    }
    if let file = parts.importFile {
      for member in members where !Self.fitsImport(member) {
        throw Field(member).misplaced("cannot stand beside \"import\"", hint: "leave it out")
      }
      return .importFile(try importDecoder.request(file))
    }
    if let control = parts.control {
      return .control(try controlDecoder.request(control, among: members, database: database))
    }
    var sql = sqlInForce
    if sql == nil, let field = parts.sql { sql = try statementDecoder.sql(field).0 }
    guard let sql else {
      let needed = parts.ofStatement.params ?? parts.ofStatement.rows ?? parts.ofStatement.expect
      throw JobFault(
        message: needed.map { "\"\($0.name)\" has no \"sql\" beside it" }
          ?? "expected exactly one of \(bodyNames), found none",
        hint: "say what to do in \"sql\"",
        offset: needed?.node.range.lowerBound ?? root.range.lowerBound)
    }
    return .transaction([
      try statementDecoder.statement(sql: sql, parts.ofStatement, earlier: 0)
    ])
  }

  private static func fitsImport(_ member: JSONMember) -> Bool {
    JobField(rawValue: member.key).map(JobField.besideImport.contains) ?? false
  }

  private func checkExclusive(_ parts: Parts) throws(JobFault) {
    var first: Field?
    var second: Field?
    func meet(_ body: Field?) {
      guard let body else { return }
      guard let met = first else {
        first = body
        return
      }
      let isLater = met.node.range.lowerBound < body.node.range.lowerBound
      (first, second) = isLater ? (met, body) : (body, met)
    }
    meet(parts.sql)
    meet(parts.statements)
    meet(parts.importFile)
    meet(parts.control)
    guard let first, let second else { return }
    throw second.misplaced(
      "cannot stand beside \"\(first.name)\"", hint: "give exactly one of \(bodyNames)")
  }
}
