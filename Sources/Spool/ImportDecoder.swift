import JSON
import Sluice

/// Reads the `import` of a job.
struct ImportDecoder: Sendable {
  private enum ImportField: String, CaseIterable, Sendable {
    case file, table, format, delimiter, header, columns, create, conflict, key, atomic, errors
    case fromLine = "from_line"
  }

  /// The fields that decide about others, where each was given.
  private struct Parts {
    var file: Field?
    var table: Field?
    var format: Field?
    var delimiter: Field?
    var header: Field?
    var conflict: Field?
    var key: Field?
  }

  private let fields = FieldTable("\"import\"", ImportField.allCases)

  func request(_ field: Field) throws(JobFault) -> ImportRequest {
    var parts = Parts()
    var request = ImportRequest(file: "", table: "", format: .csv)
    for member in try field.object() {
      let value = Field(member)
      switch try fields.name(of: member) {
      case .file: parts.file = value
      case .table: parts.table = value
      case .format: parts.format = value
      case .delimiter: parts.delimiter = value
      case .header:
        parts.header = value
        request.header = try value.bool()
      case .columns: request.columns = try value.names("an array of column names")
      case .create: request.create = try value.bool()
      case .conflict:
        parts.conflict = value
        request.conflict = try value.word(of: ImportRequest.Conflict.allCases)
      case .key:
        parts.key = value
        request.key = try value.names("an array of column names")
      case .atomic: request.atomic = try value.bool()
      case .errors: request.badRows = try value.word(of: ImportRequest.BadRows.allCases)
      case .fromLine: request.fromLine = try value.integer(atLeast: 1)
      }
    }
    guard let file = parts.file else { throw missing("file", in: field) }
    guard let table = parts.table else { throw missing("table", in: field) }
    request.file = try path(file)
    request.table = try table.identifier("the name of a table")
    request.format = try format(parts.format, file: request.file, of: file)
    try settle(&request, parts, field)
    return request
  }

  private func missing(_ name: String, in field: Field) -> JobFault {
    field.misplaced(
      "has no \"\(name)\"", hint: "name the \"file\" below data/ and the \"table\" it goes into")
  }

  /// Where `from_line` stands, with the comma that goes with it.
  static func fromLineRange(in field: Field) -> Range<Int>? {
    guard let members = field.node.object,
      let index = members.firstIndex(where: { $0.key == ImportField.fromLine.rawValue })
    else { return nil }
    let end = members[index].node.range.upperBound
    if index > 0 { return members[index - 1].node.range.upperBound..<end }
    let next = members.dropFirst().first?.keyOffset
    return members[index].keyOffset..<(next ?? end)
  }

  private func path(_ field: Field) throws(JobFault) -> String {
    let what = "the path of a file below data/, without \".\" and \"..\""
    let path = try field.identifier(what)
    let components = path.split(separator: "/", omittingEmptySubsequences: false)
    guard components.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw field.expected(what)
    }
    return path
  }

  private func format(
    _ field: Field?, file: String, of fileField: Field
  ) throws(JobFault) -> ImportRequest.Format {
    if let field { return try field.word(of: ImportRequest.Format.allCases) }
    for format in ImportRequest.Format.allCases where file.hasSuffix("." + format.rawValue) {
      return format
    }
    throw fileField.expected(
      "a file that ends in .csv or .jsonl where there is no \"format\"",
      hint: "add \"format\": \"csv\" or \"jsonl\"")
  }

  /// What depends on more than one field.
  private func settle(
    _ request: inout ImportRequest, _ parts: Parts, _ field: Field
  ) throws(JobFault) {
    if let delimiter = parts.delimiter { request.delimiter = try self.delimiter(delimiter) }
    if request.format != .csv, let stray = parts.delimiter ?? parts.header {
      throw stray.misplaced("is for CSV files only", hint: "leave it out")
    }
    if request.conflict == .update, request.key.isEmpty {
      throw (parts.conflict ?? field).misplaced(
        "is \"update\" without a \"key\"", hint: "name the columns that tell a row in \"key\"")
    }
    if request.conflict != .update, let key = parts.key {
      throw key.misplaced(
        "is only for \"conflict\": \"update\"", hint: "leave it out, or set \"conflict\"")
    }
    if request.create, request.format == .csv, !request.header, request.columns == nil {
      throw field.misplaced(
        "has \"create\" for a file without a header, and no \"columns\"",
        hint: "name the new table's columns in \"columns\"")
    }
  }

  private func delimiter(_ field: Field) throws(JobFault) -> UInt8 {
    let what = "one ASCII character other than a quote or a line break"
    let text = try field.string(what)
    guard let byte = text.utf8.first, text.utf8.count == 1, byte < 0x80,
      ![0, 0x0a, 0x0d, UInt8(ascii: "\"")].contains(byte)
    else { throw field.expected(what) }
    return byte
  }
}
