import JSON
import Sluice

/// Reads the fields of a job that say how it is to be run rather than what.
struct JobOptionDecoder: Sendable {
  private enum ResultField: String, CaseIterable, Sendable {
    case format
    case maxRows = "max_rows"
    case objects
  }

  private let limits: JobLimits
  private let formats: [ResultFormat]
  private let resultFields = FieldTable("\"result\"", ResultField.allCases)

  init(limits: JobLimits, features: Set<JobFeature>) {
    self.limits = limits
    formats = ResultFormat.allCases.filter {
      switch $0 {
      case .json: true
      case .jsonl: features.contains(.jsonlResult)
      case .csv: features.contains(.csvResult)
      }
    }
  }

  func id(_ field: Field) throws(JobFault) -> String {
    let what = "a string of 1 to \(limits.idBytes) bytes"
    let id = try field.string(what)
    guard (1...limits.idBytes).contains(id.utf8.count) else {
      throw id.isEmpty
        ? field.expected(what) : field.expected(what + " (it has \(id.utf8.count))")
    }
    return id
  }

  /// The words as they were written in `bytes`, which are the whole text.
  func meta(_ field: Field, in bytes: ArraySlice<UInt8>) throws(JobFault) -> [UInt8] {
    let range = field.node.range
    guard range.count <= limits.metaBytes else {
      throw JobFault(
        code: SluiceCode.tooLarge,
        message: "\"meta\" has \(range.count) bytes as written, more than \(limits.metaBytes)",
        hint: "keep in \"meta\" what names the job, and the rest elsewhere",
        offset: range.lowerBound)
    }
    return Array(bytes.dropFirst(range.lowerBound).prefix(range.count))
  }

  static func priority(_ field: Field) throws(JobFault) -> Priority {
    if let name = field.node.string, let priority = Priority(name: name) { return priority }
    throw field.expectedWord(of: Priority.allCases.map(\.name))
  }

  func timeout(_ field: Field) throws(JobFault) -> Double {
    guard let seconds = field.node.number, seconds > 0, seconds.isFinite else {
      throw field.expected("a number of seconds greater than 0")
    }
    return seconds
  }

  func instant(_ field: Field) throws(JobFault) -> JobInstant {
    let what = "a number of seconds after arrival or an instant like \"2026-01-01T00:00:00Z\""
    if let seconds = field.node.number, seconds >= 0, seconds.isFinite {
      return .afterArrival(seconds: seconds)
    }
    guard let text = field.node.string, let instant = InstantText.parse(text) else {
      throw field.expected(what)
    }
    return .at(instant)
  }

  func after(_ field: Field) throws(JobFault) -> [String] {
    let what = "an array of names or ids of jobs"
    var names: [String] = []
    for element in try field.array(what) {
      names.append(try Field(field.name, element).identifier(what))
    }
    return names
  }

  func cacheSeconds(_ field: Field) throws(JobFault) -> Double {
    if field.node.bool == false { return 0 }
    guard let seconds = field.node.number, seconds >= 0, seconds.isFinite else {
      throw field.expected("a number of seconds or false")
    }
    return seconds
  }

  func result(_ field: Field) throws(JobFault) -> ResultOptions {
    var options = ResultOptions()
    for member in try field.object() {
      let value = Field(member)
      switch try resultFields.name(of: member) {
      case .format: options.format = try value.word(of: formats)
      case .maxRows: options.maxRows = try value.integer(atLeast: 0)
      case .objects: options.objects = try value.bool()
      }
    }
    return options
  }

  /// Refuses a format that cannot hold what the job returns.
  ///
  /// - Parameter job: nil for a script or a batch, whose rows stand in its result.
  func checkFit(_ options: ResultOptions, _ field: Field?, to job: Job?) throws(JobFault) {
    guard let field, options.format != .json, let format = field.node["format"] else { return }
    let isOneRead: Bool
    if let job, let statement = job.statements.first, job.statements.count == 1 {
      if case .rows = statement.parameters { isOneRead = false } else { isOneRead = true }
    } else {
      isOneRead = false
    }
    guard isOneRead else {
      throw JobFault(
        message:
          "\"format\": \"\(options.format.rawValue)\" is for one statement that is run once",
        hint: "send that statement as a .json job of its own", offset: format.range.lowerBound)
    }
    if options.format == .csv, options.objects {
      throw JobFault(
        message: "\"objects\" does not fit \"format\": \"csv\", whose header names the columns",
        hint: "leave \"objects\" out",
        offset: field.node["objects"]?.range.lowerBound ?? format.range.lowerBound)
    }
  }
}
